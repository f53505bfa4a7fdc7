//! `${NAME}`, `${NAME:-default}`, `$$` and a leading `~/`, in paths and in values of `environment.set`.

use super::host::HostFacts;
use super::{paths, wrong};
use crate::error::Error;
use crate::profile::Origin;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Stands for a `*` that the author wrote (one that came out of a variable is a letter like any other).
/// No path and no variable can hold it.
pub(super) const STAR: u8 = 0;

/// Defaults in defaults: nobody writes more, and each is a call within a call.
const DEEPEST: usize = 16;

/// Where texts are expanded: the host, and who wrote them.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub host: &'a HostFacts,
    pub origin: &'a Origin,
}

impl Scope<'_> {
    /// An absolute, normalised path.
    pub fn path(&self, text: &str) -> Result<PathBuf, Error> {
        let expanded = self.expand(text, true, 0)?;
        self.absolute(text, PathBuf::from(expanded))
    }

    /// A path whose written `*` are [`STAR`].
    pub fn pattern(&self, text: &str) -> Result<PathBuf, Error> {
        let starred = text.replace('*', "\0");
        let expanded = self.expand(&starred, true, 0)?;
        self.absolute(text, PathBuf::from(expanded))
    }

    /// A value of `environment.set`.
    pub fn value(&self, text: &str) -> Result<OsString, Error> {
        self.expand(text, false, 0)
    }

    fn absolute(&self, text: &str, path: PathBuf) -> Result<PathBuf, Error> {
        if path.is_absolute() {
            Ok(paths::normalise(&path))
        } else if path.as_os_str().is_empty() {
            Err(wrong(self.origin, "the path is empty").remedy("Write a path"))
        } else if self.origin.is_flag {
            Ok(paths::normalise(&self.host.cwd.join(path)))
        } else {
            Err(wrong(self.origin, format!("{text} is a relative path"))
                .remedy(format!("Write ${{PWD}}/{text} (the project) or ${{PROFILE_DIR}}/{text} (beside the profile)")))
        }
    }

    fn expand(&self, text: &str, in_path: bool, depth: usize) -> Result<OsString, Error> {
        if depth > DEEPEST {
            return Err(wrong(self.origin, format!("more than {DEEPEST} defaults in each other"))
                .remedy("Write ${NAME:-default} with a plain default"));
        }
        let mut out = Vec::new();
        let mut rest = text;
        if rest == "~" || rest.starts_with("~/") {
            out.extend(self.variable("HOME", None, in_path, depth)?.as_bytes());
            rest = &rest[1..];
        }
        while let Some(dollar) = rest.find('$') {
            out.extend(&rest.as_bytes()[..dollar]);
            rest = &rest[dollar + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                out.push(b'$');
                rest = after;
            } else if let Some(after) = rest.strip_prefix('{') {
                let end = closing_brace(after).ok_or_else(|| {
                    wrong(self.origin, format!("${{ is not closed in {text}"))
                        .remedy("Write ${NAME}, or $$ for a dollar sign")
                })?;
                let (name, default) = match after[..end].split_once(":-") {
                    Some((name, default)) => (name, Some(default)),
                    None => (&after[..end], None),
                };
                out.extend(self.variable(name, default, in_path, depth)?.as_bytes());
                rest = &after[end + 1..];
            } else {
                return Err(wrong(self.origin, format!("a lone $ in {text}"))
                    .remedy("Write ${NAME} for a variable, $$ for a dollar sign"));
            }
        }
        out.extend(rest.as_bytes());
        Ok(OsString::from_vec(out))
    }

    fn variable(&self, name: &str, default: Option<&str>, in_path: bool, depth: usize) -> Result<OsString, Error> {
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(wrong(self.origin, format!("${{{name}}} is not a variable"))
                .remedy("Write ${NAME} or ${NAME:-default}"));
        }
        let value = self.lookup(name);
        match (value.filter(|value| !value.is_empty()), default) {
            (Some(value), _) => Ok(value),
            (None, Some(default)) => self.expand(default, in_path, depth + 1),
            (None, None) if name == "PROFILE_DIR" => {
                Err(wrong(self.origin, "${PROFILE_DIR} is known in a profile file only").remedy("Write the directory"))
            }
            (None, None) if !in_path && self.lookup(name).is_some() => Ok(OsString::new()),
            (None, None) => {
                let state = if self.lookup(name).is_some() { "empty" } else { "not set" };
                Err(wrong(self.origin, format!("${{{name}}} is {state}"))
                    .remedy(format!("Set {name}, or write ${{{name}:-default}}")))
            }
        }
    }

    /// The computed ones are never taken from the environment, which may lie.
    fn lookup(&self, name: &str) -> Option<OsString> {
        match name {
            "PWD" => Some(self.host.cwd.clone().into()),
            "UID" => Some(self.host.uid.to_string().into()),
            "GID" => Some(self.host.gid.to_string().into()),
            "PROFILE_DIR" => self.origin.profile_dir.clone().map(OsString::from),
            _ => self.host.variable(name).map(OsStr::to_os_string),
        }
    }
}

/// The written `*` again, for messages.
pub(super) fn show_pattern(path: &Path) -> String {
    path.to_string_lossy().replace(char::from(STAR), "*")
}

/// Braces nest: `${A:-${B}/c}`.
fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::{flag, host_at, line};
    use proptest::prelude::*;

    fn path(text: &str) -> Result<PathBuf, Error> {
        let host = host_at("/home/user/app", "/home/user").with("A", "/a").with("EMPTY", "").with("PWD", "/lie");
        Scope { host: &host, origin: &line("cc.yaml", 7, "mounts[2].rw") }.path(text)
    }

    fn says(text: &str) -> String {
        path(text).unwrap_err().to_string()
    }

    #[test]
    fn variables_home_and_dollars_expand() {
        assert_eq!(path("${A}/b").unwrap(), Path::new("/a/b"));
        assert_eq!(path("~/b").unwrap(), Path::new("/home/user/b"));
        assert_eq!(path("~").unwrap(), Path::new("/home/user"));
        assert_eq!(path("/x/$$b").unwrap(), Path::new("/x/$b"));
        assert_eq!(path("/x/~/b").unwrap(), Path::new("/x/~/b"));
    }

    #[test]
    fn a_default_is_used_when_the_variable_is_unset_or_empty_and_may_nest() {
        assert_eq!(path("${NO:-/d}/e").unwrap(), Path::new("/d/e"));
        assert_eq!(path("${EMPTY:-~/d}").unwrap(), Path::new("/home/user/d"));
        assert_eq!(path("${NO:-${A}/d}/e").unwrap(), Path::new("/a/d/e"));
    }

    #[test]
    fn the_current_directory_is_computed_never_believed() {
        assert_eq!(path("${PWD}").unwrap(), Path::new("/home/user/app"));
    }

    #[test]
    fn the_directory_of_the_profile_is_known_in_a_profile_file() {
        assert_eq!(path("${PROFILE_DIR}/x").unwrap(), Path::new("/profiles/x"));
        let (host, origin) = (host_at("/w", "/h"), flag("--ro"));
        let error = Scope { host: &host, origin: &origin }.path("${PROFILE_DIR}/x").unwrap_err();
        assert!(error.to_string().contains("known in a profile file only"));
    }

    #[test]
    fn unset_or_empty_in_a_path_is_an_error_that_offers_a_default() {
        insta::assert_snapshot!(says("${NO}/x"), @"cc.yaml:7:5: mounts[2].rw: ${NO} is not set. Set NO, or write ${NO:-default}");
        insta::assert_snapshot!(says("${EMPTY}/x"), @"cc.yaml:7:5: mounts[2].rw: ${EMPTY} is empty. Set EMPTY, or write ${EMPTY:-default}");
    }

    #[test]
    fn an_empty_variable_is_fine_in_a_value() {
        let host = host_at("/w", "/h").with("EMPTY", "");
        let origin = line("a.yaml", 1, "environment.set.X");
        assert_eq!(Scope { host: &host, origin: &origin }.value("<${EMPTY}>").unwrap(), "<>");
    }

    #[test]
    fn broken_variables_are_errors() {
        assert!(says("/x/$A").contains("a lone $"));
        assert!(says("/x/${A").contains("not closed"));
        assert!(says("/x/${A-b}").contains("not a variable"));
        assert!(says("/x/${}").contains("not a variable"));
    }

    #[test]
    fn defaults_in_defaults_end_before_the_stack_does() {
        let nested = |depth: usize| format!("{}/x{}", "${NO:-".repeat(depth), "}".repeat(depth));
        assert_eq!(path(&nested(DEEPEST)).unwrap(), Path::new("/x"));
        assert!(says(&nested(150_000)).contains("more than 16 defaults in each other"));
    }

    #[test]
    fn a_relative_path_in_a_profile_offers_both_places() {
        insta::assert_snapshot!(says("src"), @"cc.yaml:7:5: mounts[2].rw: src is a relative path. Write ${PWD}/src (the project) or ${PROFILE_DIR}/src (beside the profile)");
    }

    #[test]
    fn a_relative_path_on_a_flag_counts_from_the_current_directory() {
        let (host, origin) = (host_at("/w/app", "/h"), flag("--ro"));
        assert_eq!(Scope { host: &host, origin: &origin }.path("../lib/./x").unwrap(), Path::new("/w/lib/x"));
    }

    #[test]
    fn a_star_in_a_variable_is_no_pattern() {
        let host = host_at("/w/a*b", "/h");
        let origin = flag("--hide");
        let pattern = Scope { host: &host, origin: &origin }.pattern("${PWD}/.env*").unwrap();
        assert_eq!(pattern, Path::new("/w/a*b/.env\0"));
        assert_eq!(show_pattern(&pattern), "/w/a*b/.env*");
    }

    proptest! {
        #[test]
        fn text_without_dollars_and_tildes_is_only_normalised(text in "/[a-z*{}. /]{0,20}") {
            prop_assert_eq!(path(&text).unwrap(), paths::normalise(Path::new(&text)));
        }

        #[test]
        fn any_text_gives_a_path_or_an_error_but_no_panic(text in "[a-z${}~:/-]{0,20}") {
            let _ = path(&text);
        }
    }
}
