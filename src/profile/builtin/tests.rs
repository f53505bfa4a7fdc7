use super::*;
use crate::profile::{Merged, Shelves};

fn merged(name: &str) -> Merged {
    Shelves::default().load(&[name.into()], None).unwrap_or_else(|error| panic!("{error}"))
}

fn chain(name: &str) -> Vec<String> {
    merged(name).sources.into_iter().map(|source| source.name).collect()
}

/// (kind, path) of every mount.
fn mounts(merged: &Merged) -> Vec<(&'static str, String)> {
    let text = |mount: &crate::profile::schema::Mount| {
        let path = [&mount.ro, &mount.rw, &mount.tmpfs, &mount.symlink, &mount.hide].into_iter().flatten().next();
        (mount.keys()[0], path.cloned().unwrap_or_default())
    };
    merged.mounts.iter().map(|mount| text(&mount.value)).collect()
}

#[test]
fn built_in_profiles_extend_each_other_as_the_reference_says() {
    assert_eq!(chain("default"), ["default"]);
    assert_eq!(chain("build"), ["default", "build"]);
    for name in ["rust", "python", "node", "agent"] {
        assert_eq!(chain(name), ["default", "build", "test", name]);
    }
    for name in ["shell", "strict"] {
        assert_eq!(chain(name), [name]);
    }
}

#[test]
fn every_profile_in_the_directory_is_compiled_in_and_described_in_one_line() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles");
    let files = std::fs::read_dir(directory).unwrap().count();
    assert_eq!(files, BUILT_IN.len());
    for (name, _) in BUILT_IN {
        let description = merged(name).sources.pop().unwrap().description.unwrap();
        assert!(description.len() > 20 && description.len() < 120, "{name}: {description}");
    }
}

#[test]
fn a_built_in_extends_the_built_in_even_where_the_user_has_one_of_that_name() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("default.yaml"), "description: mine\n").unwrap();
    let shelves = Shelves { directories: vec![home.path().into()] };
    let sources = shelves.load(&["build".into()], None).unwrap().sources;
    assert_eq!(sources[0].source, "built-in");
}

#[test]
fn only_build_and_what_extends_it_may_write_to_the_project() {
    for (name, _) in BUILT_IN {
        let writable: Vec<_> = mounts(&merged(name)).into_iter().filter(|(kind, _)| *kind == "rw").collect();
        let builds = chain(name).contains(&"build".to_string());
        assert_eq!(writable, if builds { vec![("rw", "${PWD}".to_string())] } else { vec![] }, "{name}");
    }
}

#[test]
fn no_built_in_binds_etc_or_the_home_whole_or_needs_more_than_usr() {
    for (name, _) in BUILT_IN {
        for mount in merged(name).mounts.iter().filter(|mount| mount.value.ro.is_some()) {
            let path = mount.value.ro.as_deref().unwrap();
            assert!(
                !["/", "/etc", "/home", "/var", "/run", "~", "${HOME}"].contains(&path.trim_end_matches('/')),
                "{name}: {path}"
            );
            assert!(path == "/usr" || mount.value.optional == Some(true), "{name}: {path} is not optional");
        }
    }
}

#[test]
fn the_exception_of_agent_comes_after_the_rule_it_is_an_exception_to() {
    let all = mounts(&merged("agent"));
    let place = |kind: &str, path: &str| all.iter().position(|mount| *mount == (kind, path.to_string())).unwrap();
    assert!(place("hide", "${PWD}/.env*") < place("ro", "${PWD}/.envrc"));
}

#[test]
fn test_runs_as_the_caller_and_default_does_not() {
    use crate::profile::schema::Id;
    assert_eq!(merged("test").uid.unwrap().value, Id::Caller);
    assert_eq!(merged("test").gid.unwrap().value, Id::Caller);
    assert!(merged("build").uid.is_none());
}

#[test]
fn a_built_in_says_the_same_of_its_entries_as_the_full_check_of_its_text() {
    for (name, text) in BUILT_IN {
        let checked = crate::profile::text::parse(text.as_bytes(), name, None).unwrap_or_else(|e| panic!("{}", e[0]));
        let layer = Shelves::default().layers(&[name.to_string()]).unwrap().pop().unwrap();
        assert_eq!(profile(name), Some(checked.profile.clone()), "{name}");
        assert_eq!(layer.profile, checked.profile, "{name}");
        for (path, origin) in &checked.origins {
            assert_eq!(layer.origin(path).to_string(), origin.to_string());
            assert!(origin.position.is_some());
        }
    }
}

#[test]
fn the_digest_of_a_built_in_is_that_of_its_text() {
    use sha2::{Digest, Sha256};
    for (name, text) in BUILT_IN {
        let digest: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(sha256(name), Some(digest.as_str()), "{name}");
    }
}
