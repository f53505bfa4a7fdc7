use super::*;
use std::fs;
use tempfile::TempDir;

/// A user's directory and the machine's.
fn shelves(files: &[(&str, &str)]) -> (TempDir, Shelves) {
    let root = tempfile::tempdir().unwrap();
    for directory in ["user", "etc", "project"] {
        fs::create_dir(root.path().join(directory)).unwrap();
    }
    for (path, text) in files {
        fs::write(root.path().join(path), text).unwrap();
    }
    let directories = vec![root.path().join("user"), root.path().join("etc")];
    (root, Shelves { directories })
}

#[test]
fn a_slash_or_a_yaml_suffix_makes_a_path_and_a_bare_word_does_not() {
    for path in ["./cc", "/a/b", "cc.yaml", "cc.yml", "a/cc.yaml"] {
        assert!(is_path(path), "{path}");
    }
    for name in ["cc", "build", "yaml", "cc.json"] {
        assert!(!is_path(name), "{name}");
    }
}

#[test]
fn a_name_is_the_users_then_the_machines_then_built_in() {
    let (root, shelves) = shelves(&[("user/a.yaml", "u"), ("etc/a.yaml", "e"), ("etc/build.yaml", "e")]);
    assert_eq!(shelves.find("a", None).unwrap().path, Some(root.path().join("user/a.yaml")));
    assert_eq!(shelves.find("build", None).unwrap().path, Some(root.path().join("etc/build.yaml")));
    assert_eq!(shelves.find("test", None).unwrap().path, None);
}

#[test]
fn a_profile_that_names_itself_means_the_next_one_down_however_it_was_named() {
    let (root, shelves) = shelves(&[("user/build.yaml", "u"), ("etc/build.yaml", "e")]);
    let by_path = shelves.find(root.path().join("user/build.yaml").to_str().unwrap(), None).unwrap();
    for user in [shelves.find("build", None).unwrap(), by_path] {
        let machine = shelves.find("build", Some(&user)).unwrap();
        assert_eq!(machine.bytes, b"e");
        let built_in = shelves.find("build", Some(&machine)).unwrap();
        assert_eq!(built_in.path, None);
        assert!(shelves.find("build", Some(&built_in)).is_ok());
    }
}

#[test]
fn a_project_file_of_a_built_ins_name_extends_the_named_one() {
    let (root, shelves) = shelves(&[("project/build.yaml", "p"), ("user/build.yaml", "u")]);
    let project = shelves.find(root.path().join("project/build.yaml").to_str().unwrap(), None).unwrap();
    assert_eq!(shelves.find("build", Some(&project)).unwrap().bytes, b"u");
}

#[test]
fn a_path_in_extends_counts_from_the_file_that_names_it() {
    let (root, shelves) = shelves(&[("project/a.yaml", "a"), ("project/b.yaml", "b")]);
    let a = shelves.find(root.path().join("project/a.yaml").to_str().unwrap(), None).unwrap();
    assert_eq!(shelves.find("b.yaml", Some(&a)).unwrap().bytes, b"b");
    assert_eq!(shelves.find("./b.yaml", Some(&a)).unwrap().bytes, b"b");
}

#[test]
fn a_symbolic_link_on_a_shelf_is_followed() {
    let (root, shelves) = shelves(&[("project/real.yaml", "r")]);
    std::os::unix::fs::symlink(root.path().join("project/real.yaml"), root.path().join("user/linked.yaml")).unwrap();
    assert_eq!(shelves.find("linked", None).unwrap().bytes, b"r");
}

#[test]
fn a_descriptor_can_be_read_but_has_no_directory() {
    use std::os::fd::AsRawFd;
    let (root, shelves) = shelves(&[("project/a.yaml", "a")]);
    let file = File::open(root.path().join("project/a.yaml")).unwrap();
    let found = shelves.find(&format!("/dev/fd/{}", file.as_raw_fd()), None).unwrap();
    assert_eq!((found.bytes.as_slice(), found.directory()), (&b"a"[..], None));
    let error = shelves.find("./b.yaml", Some(&found)).unwrap_err().to_string();
    assert!(
        error.ends_with("is in no directory, from which ./b.yaml could count. Name it by its absolute path"),
        "{error}"
    );
}

#[test]
fn a_name_that_is_not_there_is_answered_with_the_nearest() {
    let (_root, shelves) = shelves(&[("user/ccache.yaml", "u")]);
    let says = |name: &str| shelves.find(name, None).unwrap_err().to_string();
    assert_eq!(says("biuld"), "no profile \"biuld\". Did you mean \"build\"?");
    assert_eq!(says("ccach"), "no profile \"ccach\". Did you mean \"ccache\"?");
    insta::assert_snapshot!(says("zzz"), @r#"no profile "zzz". There are ccache, default, build, test, rust, python, node, agent, shell, strict, container; a file is named with a slash: ./zzz.yaml"#);
}

#[test]
fn a_file_that_is_not_there_is_answered_with_the_built_in_of_that_name() {
    let (root, shelves) = shelves(&[]);
    let says = |name: &str| {
        let path = root.path().join("project").join(name);
        let error = shelves.find(path.to_str().unwrap(), None).unwrap_err().to_string();
        error.replace(root.path().to_str().unwrap(), "DIR")
    };
    assert_eq!(says("build.yaml"), "no file build.yaml in DIR/project. The built-in profile is --profile build");
    assert_eq!(says("other.yaml"), "no file other.yaml in DIR/project");
}

#[test]
fn a_directory_is_not_a_profile() {
    let (root, shelves) = shelves(&[]);
    let error = shelves.find(root.path().join("user").to_str().unwrap(), None).unwrap_err();
    assert!(error.to_string().ends_with("/user: is a directory"), "{error}");
}

#[test]
fn the_list_shows_each_name_once_with_the_file_that_wins() {
    let (root, shelves) =
        shelves(&[("user/b.yaml", ""), ("user/note.txt", ""), ("etc/b.yaml", ""), ("etc/test.yaml", "")]);
    let list = shelves.list();
    assert_eq!(list[0], ("b".into(), Some(root.path().join("user/b.yaml"))));
    assert_eq!(list[1], ("test".into(), Some(root.path().join("etc/test.yaml"))));
    assert_eq!(list.len(), 2 + builtin::BUILT_IN.len() - 1);
}

#[test]
fn a_users_profiles_are_below_xdg_config_home_or_else_below_home() {
    let shelves = |variables: &[(&str, &str)]| {
        let get = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        Shelves::from_variables(get).directories
    };
    let etc = PathBuf::from("/etc/sandbox/profiles");
    assert_eq!(shelves(&[("HOME", "/h")]), [PathBuf::from("/h/.config/sandbox/profiles"), etc.clone()]);
    let both = [("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")];
    assert_eq!(shelves(&both), [PathBuf::from("/x/sandbox/profiles"), etc.clone()]);
    let relative = [("HOME", "/h"), ("XDG_CONFIG_HOME", "x")];
    assert_eq!(shelves(&relative), [PathBuf::from("/h/.config/sandbox/profiles"), etc.clone()]);
    assert_eq!(shelves(&[]), [etc]);
}
