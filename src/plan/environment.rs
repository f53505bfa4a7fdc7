//! The environment inside, rebuilt from nothing.

use super::host::HostFacts;
use super::identity::Names;
use super::variables::Scope;
use super::{Environment, Mount, glob, lookup, wrong};
use crate::error::Error;
use crate::profile::EnvironmentLayer;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Searched where no PATH is kept.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Applies the layers in order, each keep, then drop, then set; then what every sandbox sets.
///
/// A root file system has its programs where it has them, wherever the host has its own: the caller's PATH says nothing there.
pub(super) fn rebuild(
    layers: &[EnvironmentLayer],
    names: &Names,
    has_root: bool,
    host: &HostFacts,
) -> Result<Environment, Error> {
    let mut variables: BTreeMap<OsString, OsString> = BTreeMap::new();
    let mut kept: BTreeSet<OsString> = BTreeSet::new();
    let mut withheld: BTreeSet<OsString> = BTreeSet::new();
    for layer in layers {
        for pattern in &layer.keep {
            for (name, value) in host.environment.iter().filter(|(name, _)| matches(pattern, name)) {
                if has_root && name == "PATH" {
                    variables.insert(name.clone(), DEFAULT_PATH.into());
                } else if pattern.contains('*') && looks_secret(name) {
                    withheld.insert(name.clone());
                } else {
                    kept.insert(name.clone());
                    variables.insert(name.clone(), value.clone());
                }
            }
        }
        for pattern in &layer.drop {
            variables.retain(|name, _| !matches(pattern, name));
            kept.retain(|name| !matches(pattern, name));
        }
        for (name, text) in &layer.set {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(wrong(&layer.origin, format!("{name:?} cannot be the name of a variable"))
                    .remedy("Use letters, digits and _"));
            }
            let value = Scope { host, origin: &layer.origin }.value(text)?;
            variables.insert(name.into(), value);
        }
    }
    let home = host.home.clone().unwrap_or_else(|| PathBuf::from("/tmp"));
    let defaults: [(&str, &OsStr); 6] = [
        ("HOME", home.as_os_str()),
        ("USER", names.user.as_ref()),
        ("LOGNAME", names.user.as_ref()),
        ("TMPDIR", "/tmp".as_ref()),
        ("SHELL", "/bin/sh".as_ref()),
        ("container", "sandbox".as_ref()),
    ];
    for (name, value) in defaults {
        variables.entry(name.into()).or_insert_with(|| value.to_owned());
    }
    if !["LANG", "LC_ALL"].iter().any(|name| variables.contains_key(OsStr::new(name))) {
        variables.insert("LANG".into(), "C.UTF-8".into());
    }
    let withheld = withheld.iter().filter(|name| !kept.contains(*name)).map(|name| name.to_string_lossy().into_owned());
    Ok(Environment {
        withheld: withheld.collect(),
        dropped: host.environment.iter().filter(|(name, _)| !kept.contains(name)).count(),
        variables: variables.into_iter().collect(),
    })
}

/// Takes out of PATH what is relative (a command of the project's would be found by any name) or not inside.
pub(super) fn filter_path(environment: &mut Environment, mounts: &[Mount]) {
    let filtered = environment.get("PATH").map(|path| {
        let entries: Vec<&[u8]> = entries(path).filter(|entry| is_inside(entry, mounts)).collect();
        OsString::from_vec(entries.join(&b':'))
    });
    if let Some(path) = filtered {
        environment.variables.retain(|(name, _)| name != "PATH");
        if !path.is_empty() {
            let at = environment.variables.partition_point(|(name, _)| name.as_bytes() < b"PATH".as_slice());
            environment.variables.insert(at, ("PATH".into(), path));
        }
    }
}

/// Where a command without a slash is looked for.
pub(super) fn search_path(environment: &Environment, mounts: &[Mount]) -> Vec<PathBuf> {
    let path = environment.get("PATH").unwrap_or(OsStr::new(DEFAULT_PATH));
    entries(path)
        .filter(|entry| is_inside(entry, mounts))
        .map(|entry| PathBuf::from(OsStr::from_bytes(entry)))
        .collect()
}

fn entries(path: &OsStr) -> impl Iterator<Item = &[u8]> {
    path.as_bytes().split(|byte| *byte == b':')
}

fn is_inside(entry: &[u8], mounts: &[Mount]) -> bool {
    let entry = Path::new(OsStr::from_bytes(entry));
    entry.is_absolute() && lookup::bind_of(mounts, &super::paths::normalise(entry)).is_some()
}

fn matches(pattern: &str, name: &OsStr) -> bool {
    glob::matches(pattern.as_bytes(), b'*', name.as_bytes())
}

/// Names under which keys and passwords are kept.
fn looks_secret(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_uppercase();
    ["TOKEN", "SECRET", "PASS", "CREDENTIAL", "COOKIE", "APIKEY"].iter().any(|word| name.contains(word))
        || ["_KEY", "_PAT", "_AUTH", "_PWD"].iter().any(|end| name.ends_with(end))
}

impl Environment {
    /// HOME inside, which is always set.
    pub(super) fn home(&self) -> &Path {
        self.get("HOME").map_or(Path::new("/"), Path::new)
    }

    /// The value of a variable inside.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_os_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::plan::testing::{World, line};

    fn layer(keep: &[&str], drop: &[&str], set: &[(&str, &str)]) -> EnvironmentLayer {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        EnvironmentLayer { keep: own(keep), drop: own(drop), set, origin: line("cc.yaml", 3, "environment") }
    }

    fn world(variables: &[(&str, &str)], layers: Vec<EnvironmentLayer>) -> World {
        let mut world = World::new();
        world.host = variables.iter().fold(world.host.clone(), |host, (name, value)| host.with(name, value));
        world.merged.environment = layers;
        world
    }

    fn value<'a>(plan: &'a Plan, name: &str) -> Option<&'a str> {
        plan.environment.get(name).map(|value| value.to_str().unwrap())
    }

    #[test]
    fn nothing_of_the_caller_s_is_inside_unless_it_is_kept() {
        let world = world(&[("CC", "gcc"), ("FOO", "1")], vec![layer(&["CC"], &[], &[])]);
        let plan = world.planned();
        assert_eq!((value(&plan, "CC"), value(&plan, "FOO")), (Some("gcc"), None));
        assert_eq!(plan.environment.dropped, 3, "FOO, HOME and USER");
    }

    #[test]
    fn each_layer_keeps_then_drops_then_sets() {
        let layers = vec![layer(&["A*"], &["AB"], &[("AC", "set")]), layer(&["AB"], &["AA"], &[])];
        let plan = world(&[("AA", "1"), ("AB", "2"), ("AC", "3")], layers).planned();
        assert_eq!([value(&plan, "AA"), value(&plan, "AB"), value(&plan, "AC")], [None, Some("2"), Some("set")]);
    }

    #[test]
    fn a_pattern_never_matches_what_looks_like_a_secret_but_the_exact_name_does() {
        let variables = [("X_TOKEN", "1"), ("X_SSH_key", "2"), ("MyPassword", "3"), ("X_KEYS", "4"), ("X_PATH", "5")];
        let plan = world(&variables, vec![layer(&["*", "MyPassword"], &[], &[])]).planned();
        assert_eq!(plan.environment.withheld, ["X_SSH_key", "X_TOKEN"]);
        assert_eq!(
            [value(&plan, "X_KEYS"), value(&plan, "X_PATH"), value(&plan, "MyPassword")],
            [Some("4"), Some("5"), Some("3")]
        );
        assert_eq!(value(&plan, "X_TOKEN"), None);
    }

    #[test]
    fn the_sandbox_sets_what_no_profile_has_set() {
        let plan = world(&[], vec![layer(&[], &[], &[("TMPDIR", "/var/tmp")])]).planned();
        assert_eq!(value(&plan, "TMPDIR"), Some("/var/tmp"));
        assert_eq!(value(&plan, "SHELL"), Some("/bin/sh"));
        assert_eq!(value(&plan, "container"), Some("sandbox"));
        assert_eq!([value(&plan, "USER"), value(&plan, "LOGNAME")], [Some("root"); 2]);
        assert_eq!(value(&plan, "LANG"), Some("C.UTF-8"));
    }

    #[test]
    fn home_is_the_caller_s_own_path() {
        let world = world(&[], vec![]);
        assert_eq!(value(&world.planned(), "HOME"), world.path("home").to_str());
    }

    #[test]
    fn a_language_that_is_kept_is_not_replaced() {
        let plan = world(&[("LC_ALL", "de_DE.UTF-8")], vec![layer(&["LC_*"], &[], &[])]).planned();
        assert_eq!((value(&plan, "LANG"), value(&plan, "LC_ALL")), (None, Some("de_DE.UTF-8")));
    }

    #[test]
    fn path_keeps_what_is_absolute_and_inside() {
        let set = [("PATH", "${PWD}/bin:${PATH}")];
        let world = world(&[("PATH", "/usr/bin:bin::/nowhere:/opt/x")], vec![layer(&["PATH"], &[], &set)]);
        let world = world.mount("ro /usr").mount("ro ${PWD}");
        let plan = world.planned();
        assert_eq!(value(&plan, "PATH"), Some(format!("{}:/usr/bin", world.path("home/app/bin").display()).as_str()));
    }

    #[test]
    fn a_path_with_nothing_inside_is_left_out() {
        let plan = world(&[("PATH", "/nowhere")], vec![layer(&["PATH"], &[], &[])]).planned();
        assert_eq!(value(&plan, "PATH"), None);
    }

    #[test]
    fn variables_are_sorted_by_name() {
        let plan = world(&[("PATH", "/usr/bin"), ("Z", "1")], vec![layer(&["*"], &[], &[])]).mount("ro /usr").planned();
        assert!(plan.environment.variables.is_sorted());
    }

    #[test]
    fn a_name_with_an_equals_sign_is_an_error() {
        assert!(world(&[], vec![layer(&[], &[], &[("A=B", "")])]).refusal().contains("cannot be the name"));
    }
}
