//! What can be imported is a file, the directory of an image, or what comes through a pipe; all else is told apart.

use super::super::harness::{Project, feed, finish, root};
use super::{archive, holds_all, import, left, list, names, outside, store};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

#[test]
fn a_pipe_is_read_to_its_end() {
    let project = Project::new();
    archive(&project);
    let bytes = fs::read(project.path().join("tree.tar")).unwrap();
    feed(project.sandbox(&["rootfs", "import", "-", "--name", "stdin"]), &bytes).ok();
    assert!(list(&project)[0]["source"] == "-" && holds_all(&list(&project)[0]));
    assert_eq!(list(&project)[0]["sha256"], outside(&project, "sha256sum tree.tar | cut -d' ' -f1"));
    outside(&project, "mkfifo fifo");
    let writer = project.outside("sh", &["-c", "cat tree.tar > fifo"]).spawn();
    import(&project, "fifo", "fifo").ok();
    writer.unwrap().wait().unwrap();
    assert_eq!(names(&project), ["fifo", "stdin"]);
    assert!(!store(&project).join("stdin/source").exists());
}

#[test]
fn a_pipe_is_read_no_further_than_what_may_be_imported() {
    let project = Project::new();
    let mut command = project.outside("sh", &["-c", "yes | \"$0\" rootfs import - --name x --max-size 1MiB"]);
    command.arg(super::super::harness::binary());
    finish(command).refused(&["1048576 bytes", "--max-size"]);
    assert!(left(&project).is_empty());
}

#[test]
fn a_device_a_socket_and_a_terminal_are_refused_at_once() {
    let project = Project::new();
    import(&project, "/dev/zero", "x").refused(&["/dev/zero is a device", "import - < /dev/zero"]);
    let _listener = std::os::unix::net::UnixListener::bind(project.path().join("socket")).unwrap();
    import(&project, "socket", "x").refused(&["socket is a socket"]);
    let binary = super::super::harness::binary();
    let mut terminal = super::super::pty::Terminal::start(&project, &binary, &["rootfs", "import", "-", "--name", "x"]);
    terminal.shows("docker export CONTAINER |");
    assert_eq!(terminal.ends().code(), Some(125));
    assert!(left(&project).is_empty());
}

#[test]
fn what_is_missing_or_no_archive_or_may_not_be_read_is_told() {
    let project = Project::new();
    import(&project, "nowhere.tar", "x").refused(&["nowhere.tar does not exist"]);
    project.write("text.tar", "no archive\n");
    import(&project, "text.tar", "x").refused(&["text.tar: "]);
    project.write("empty.tar", "");
    import(&project, "empty.tar", "x").refused(&["empty.tar: "]);
    project.write("directory/file", "");
    import(&project, "directory", "x").refused(&["directory: "]);
    if !root() {
        fs::set_permissions(project.path().join("text.tar"), fs::Permissions::from_mode(0o0)).unwrap();
        import(&project, "text.tar", "x").refused(&["text.tar cannot be read"]);
        fs::set_permissions(project.path().join("directory"), fs::Permissions::from_mode(0o0)).unwrap();
        import(&project, "directory", "x").refused(&["directory cannot be read"]);
        import(&project, "directory/file", "x").refused(&["directory/file cannot be read"]);
        fs::set_permissions(project.path().join("directory"), fs::Permissions::from_mode(0o700)).unwrap();
    }
    assert!(left(&project).is_empty());
}

#[test]
fn the_caller_s_links_lead_to_what_he_names() {
    let project = Project::new();
    archive(&project);
    outside(&project, "mkdir real; mv tree.tar real/debian.tar");
    symlink("real", project.path().join("link")).unwrap();
    symlink("real/debian.tar", project.path().join("latest")).unwrap();
    import(&project, "link/debian.tar", "one").ok();
    import(&project, "latest", "two").ok();
    assert_eq!(list(&project)[1]["source"], "debian.tar");
}

#[test]
fn an_archive_that_only_its_owner_may_read_is_read() {
    let project = Project::new();
    archive(&project);
    outside(&project, "mkdir private; mv tree.tar private; chmod 600 private/tree.tar; chmod 700 private");
    import(&project, "private/tree.tar", "one").ok();
}
