use super::*;
use crate::profile::Merged;
use crate::profile::builtin::BUILT_IN;
use std::fs;

fn without_digests(text: &str) -> String {
    text.lines().map(|line| line.split(" sha256 ").next().unwrap_or_default().to_string() + "\n").collect()
}

/// Text of the merged values, without what says where they come from.
fn values(merged: &Merged) -> Vec<String> {
    let mut merged = merged.clone();
    merged.sources.clear();
    let set = merged.environment.drain(..).flat_map(|layer| [layer.keep, layer.drop].concat());
    let mut values: Vec<String> = set.collect();
    values.extend(merged.mounts.drain(..).map(|mount| format!("{:?}", mount.value)));
    values.push(format!("{:?}", (merged.uid.map(|id| id.value), merged.limits.pids.map(|pids| pids.value))));
    values
}

#[test]
fn the_list_has_each_built_in_with_its_first_line() {
    insta::assert_snapshot!(list(&Shelves::default()));
}

#[test]
fn the_list_shows_a_users_profile_with_its_file_and_what_is_wrong_with_it() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("bad.yaml"), "limit: {}\n").unwrap();
    let list = list(&Shelves { directories: vec![root.path().into()] }).replace(root.path().to_str().unwrap(), "DIR");
    let line = list.lines().next().unwrap();
    assert!(line.starts_with("bad        DIR/bad.yaml"), "{line}");
    assert!(line.ends_with("error: DIR/bad.yaml:1:1: unknown key \"limit\". Did you mean \"limits\"?"), "{line}");
}

#[test]
fn show_prints_the_text_that_is_compiled_in() {
    for (name, text) in BUILT_IN {
        assert_eq!(show(&Shelves::default(), name).unwrap(), *text);
    }
}

#[test]
fn resolved_shows_each_entry_with_the_profile_and_line_that_gave_it() {
    insta::assert_snapshot!(without_digests(&resolved(&Shelves::default(), "agent").unwrap()));
}

#[test]
fn a_resolved_profile_is_a_profile_that_means_the_same() {
    let root = tempfile::tempdir().unwrap();
    for (name, _) in BUILT_IN {
        let path = root.path().join(format!("{name}.yaml"));
        fs::write(&path, resolved(&Shelves::default(), name).unwrap()).unwrap();
        let again = Shelves::default().load(&[path.to_str().unwrap().into()], None).unwrap();
        let first = Shelves::default().load(&[name.to_string()], None).unwrap();
        assert_eq!(values(&again), values(&first), "{name}");
    }
}

#[test]
fn check_shows_the_errors_of_every_file_and_none_for_a_good_one() {
    let root = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = root.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_string()
    };
    let good = file("good.yaml", "extends: [build]\n");
    let bad = file("bad.yaml", "network: {allow: [a], publish: [b]}\n");
    let worse = file("worse.yaml", "extends: [bad.yaml]\n");
    assert_eq!(check(&Shelves::default(), std::slice::from_ref(&good)), []);
    let errors = check(&Shelves::default(), &[good, bad, worse, "biuld".into()]);
    let text: Vec<String> =
        errors.iter().map(|error| error.to_string().replace(root.path().to_str().unwrap(), "DIR")).collect();
    insta::assert_snapshot!(text.join("\n"));
}
