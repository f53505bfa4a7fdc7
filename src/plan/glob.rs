//! The one pattern there is: a `*` for any text.

/// Does the pattern match the whole name? A `star` in the name is a letter like any other.
pub(super) fn matches(pattern: &[u8], star: u8, name: &[u8]) -> bool {
    let mut parts = pattern.split(|byte| *byte == star);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&[u8]> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.windows(part.len().max(1)).position(|window| window.starts_with(part)) {
            Some(at) => rest = &rest[at + part.len()..],
            None if part.is_empty() => {}
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn glob(pattern: &str, name: &str) -> bool {
        matches(pattern.as_bytes(), b'*', name.as_bytes())
    }

    #[test]
    fn a_star_is_any_text_and_the_rest_is_itself() {
        for (pattern, name) in
            [("LC_*", "LC_ALL"), ("*FLAGS", "CFLAGS"), ("*", ""), ("a*b*c", "aXbYbc"), ("a**c", "ac"), ("x", "x")]
        {
            assert!(glob(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("LC_*", "LC"), ("*FLAGS", "FLAGSX"), ("a*a", "a"), ("x", "xy"), ("", "x"), ("a*b*c", "acb")]
        {
            assert!(!glob(pattern, name), "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn stars_may_swallow_any_parts(parts in prop::collection::vec("[ab]{0,3}", 1..4), fill in "[ab]{0,3}") {
            prop_assert!(glob(&parts.join("*"), &parts.join(&fill)));
        }
    }
}
