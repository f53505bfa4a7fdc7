//! The name of the host inside.

use super::wrong;
use crate::error::Error;
use crate::profile::Located;

/// As written, if it is a name by hostname(7); else `sandbox`.
pub(super) fn resolve(written: Option<&Located<String>>) -> Result<String, Error> {
    let Some(Located { value, origin }) = written else { return Ok("sandbox".into()) };
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if value.len() <= 64 && value.split('.').all(label) {
        return Ok(value.clone());
    }
    Err(wrong(origin, format!("{value:?} cannot be a host name"))
        .remedy("Use at most 64 letters, digits, hyphens and dots, not beginning or ending with a hyphen"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::located;

    #[test]
    fn a_host_name_is_what_the_manual_says() {
        let name = |text: &str| resolve(Some(&located(text.to_owned())));
        for good in ["sandbox", "a", "build-1.example.org", &"x".repeat(63)] {
            assert_eq!(name(good).unwrap(), good);
        }
        for bad in ["", "-a", "a-", "a..b", ".", "a b", "ä", "a_b", &"x".repeat(64), &"x.".repeat(33), "a\n127.0.0.1 b"]
        {
            assert!(name(bad).is_err(), "{bad:?}");
        }
        assert_eq!(resolve(None).unwrap(), "sandbox");
    }
}
