use super::*;
use std::fs;
use tempfile::TempDir;

fn project(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        fs::write(root.path().join(path), text).unwrap();
    }
    root
}

fn names(root: &TempDir, files: &[&str]) -> Result<Vec<String>, String> {
    let paths: Vec<String> = files.iter().map(|file| root.path().join(file).to_str().unwrap().to_string()).collect();
    match Shelves::default().load(&paths, None) {
        Ok(merged) => Ok(merged.sources.into_iter().map(|source| source.name).collect()),
        Err(error) => Err(error.to_string().replace(root.path().to_str().unwrap(), "DIR")),
    }
}

#[test]
fn without_a_name_the_profile_is_default() {
    let merged = Shelves::default().load(&[], None).unwrap();
    assert_eq!(merged.sources.len(), 1);
    assert_eq!(merged.sources[0].name, "default");
    assert_eq!(merged.sources[0].source, "built-in");
}

#[test]
fn a_base_that_two_profiles_share_is_applied_once_and_before_both() {
    let root = project(&[
        ("base.yaml", "hostname: base"),
        ("left.yaml", "extends: [base.yaml]"),
        ("right.yaml", "extends: [./base.yaml]"),
        ("top.yaml", "extends: [left.yaml, right.yaml]"),
    ]);
    assert_eq!(names(&root, &["top.yaml"]).unwrap(), ["base", "left", "right", "top"]);
    assert_eq!(names(&root, &["left.yaml", "right.yaml"]).unwrap(), ["base", "left", "right"]);
}

#[test]
fn profiles_that_extend_each_other_are_an_error_that_shows_the_circle() {
    let root = project(&[
        ("a.yaml", "extends: [b.yaml]"),
        ("b.yaml", "hostname: b\nextends:\n  - c.yaml"),
        ("c.yaml", "extends: [./b.yaml]"),
        ("d.yaml", "extends: [d.yaml]"),
    ]);
    assert_eq!(
        names(&root, &["a.yaml"]).unwrap_err(),
        "DIR/c.yaml:1:11: extends[0]: profiles extend each other in a circle: \
         DIR/b.yaml -> DIR/c.yaml -> DIR/./b.yaml. Remove one of the steps"
    );
    assert_eq!(
        names(&root, &["d.yaml"]).unwrap_err(),
        "DIR/d.yaml:1:11: extends[0]: profiles extend each other in a circle: DIR/d.yaml -> DIR/d.yaml. Remove one of the steps"
    );
}

#[test]
fn a_base_that_is_not_there_is_an_error_of_the_line_that_names_it() {
    let root = project(&[("a.yaml", "extends:\n  - default\n  - biuld")]);
    assert_eq!(
        names(&root, &["a.yaml"]).unwrap_err(),
        "DIR/a.yaml:3:5: extends[1]: no profile \"biuld\". Did you mean \"build\"?"
    );
}

#[test]
fn a_source_has_its_digest_its_file_and_the_first_line_of_its_description() {
    let root = project(&[("a.yaml", "description: |\n  One.\n  Two.\n")]);
    let path = root.path().join("a.yaml");
    let source = Shelves::default().load(&[path.to_str().unwrap().into()], None).unwrap().sources.remove(0);
    assert_eq!(source.sha256, "c00ea95d820315da3b555f6e71b6bedbe6fbe6a127c64af35ccdc08c57f2ddf2");
    assert_eq!(source.path.as_deref(), Some(path.as_path()));
    assert_eq!(source.description.as_deref(), Some("One."));
}

#[test]
fn the_directory_of_a_file_is_known_to_its_entries_and_a_built_ins_is_not() {
    let root = project(&[("a.yaml", "extends: [default]\nworkdir: ${PROFILE_DIR}/x\n")]);
    let merged = Shelves::default().load(&[root.path().join("a.yaml").to_str().unwrap().into()], None).unwrap();
    assert_eq!(merged.workdir.unwrap().origin.profile_dir.as_deref(), Some(root.path()));
    assert_eq!(merged.mounts[0].origin.profile_dir, None);
}

#[test]
fn an_entry_keeps_the_file_line_and_key_that_gave_it() {
    let root = project(&[("a.yaml", "extends: [default]\nmounts:\n  - rw: /srv\n    optional: true\n")]);
    let merged = Shelves::default().load(&[root.path().join("a.yaml").to_str().unwrap().into()], None).unwrap();
    let origin = merged.mounts.last().unwrap().origin.to_string().replace(root.path().to_str().unwrap(), "DIR");
    assert_eq!(origin, "DIR/a.yaml:3:5: mounts[0].rw");
}

#[test]
fn the_profiles_of_the_reference_are_read_as_typed() {
    let root = project(&[
        (
            "cc.yaml",
            r#"extends: [build]
environment:
  keep: ["CCACHE_*"]
  set:
    PATH: /usr/lib/ccache:${PATH}
mounts:
  - rw: ~/.cache/ccache
    create: true
"#,
        ),
        (
            "c.yaml",
            "extends: [rust]
mounts:
  - ro: ${PWD}            # same destination: narrows build's rw
  - rw: ${PWD}/target
    create: true
",
        ),
        (
            "pw.yaml",
            "extends: [node]           # node < test: uid caller
features: {userns: true}
mounts:
  - tmpfs: /dev/shm
    size: 2GiB
  - ro: ~/.cache/ms-playwright
",
        ),
        (
            "agent.yaml",
            "extends: [test]
mounts:
  - ro: ${PWD}/.git/hooks
  - ro: ${PWD}/.github
    optional: true                 # absent: watched
  - hide: ${PWD}/.env*
",
        ),
        (
            "page.yaml",
            r#"description: Build the project in the current directory. No network, no secrets.
extends: [default]
mounts:
  - rw: ${PWD}
  - ro: ${PWD}/.git/hooks
    optional: true
  - rw: ~/.cache/ccache
    create: true
environment:
  keep: ["CCACHE_*"]
network: {mode: none}
limits: {pids: 4096, wall_time: 30m}
seccomp: {policy: default}
landlock: {mode: prefer}
"#,
        ),
    ]);
    assert_eq!(names(&root, &["cc.yaml"]).unwrap(), ["default", "build", "cc"]);
    assert_eq!(names(&root, &["c.yaml"]).unwrap(), ["default", "build", "test", "rust", "c"]);
    assert_eq!(names(&root, &["pw.yaml"]).unwrap(), ["default", "build", "test", "node", "pw"]);
    assert_eq!(names(&root, &["agent.yaml"]).unwrap(), ["default", "build", "test", "agent"]);
    assert_eq!(names(&root, &["page.yaml"]).unwrap(), ["default", "page"]);
}
