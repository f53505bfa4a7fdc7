use super::*;
use nix::sys::stat::Mode;
use nix::unistd::{mkfifo, read, write};
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};

fn errno<T: std::fmt::Debug>(result: Result<T, Error>) -> Option<Errno> {
    let error = result.unwrap_err();
    assert!(error.path.is_some() && error.remedy.is_some(), "{error:?}");
    error.errno
}

/// A path relative to the current directory, which tests must not change.
fn relative(path: &Path) -> std::path::PathBuf {
    let depth = std::env::current_dir().unwrap().components().count() - 1;
    Path::new(&"../".repeat(depth)).join(path.strip_prefix("/").unwrap())
}

#[test]
fn a_new_file_is_made_with_the_umask_and_an_old_one_is_emptied() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out");
    write(output(&path).unwrap(), b"first").unwrap();
    let plain = directory.path().join("plain");
    File::create(&plain).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode(), fs::metadata(&plain).unwrap().permissions().mode());
    output(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
}

#[test]
fn a_symbolic_link_is_refused_as_the_last_component_and_its_target_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (target, link) = (directory.path().join("target"), directory.path().join("link"));
    fs::write(&target, "precious").unwrap();
    symlink(&target, &link).unwrap();
    for path in [link.clone(), relative(&link)] {
        assert_eq!(errno(output(&path)), Some(Errno::ELOOP));
        assert_eq!(errno(input(&path)), Some(Errno::ELOOP));
    }
    assert_eq!(fs::read(&target).unwrap(), b"precious");
}

#[test]
fn a_dangling_link_makes_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let (target, link) = (directory.path().join("target"), directory.path().join("link"));
    symlink(&target, &link).unwrap();
    assert_eq!(errno(output(&link)), Some(Errno::ELOOP));
    assert!(!target.exists());
}

#[test]
fn a_symbolic_link_on_the_way_is_refused_in_a_relative_path_only() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("real")).unwrap();
    symlink("real", directory.path().join("link")).unwrap();
    let path = directory.path().join("link/out");
    assert!(output(&path).is_ok());
    assert_eq!(errno(output(&relative(&path))), Some(Errno::ELOOP));
}

#[test]
fn directories_devices_and_sockets_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(errno(input(directory.path())), Some(Errno::EINVAL));
    assert_eq!(errno(output(directory.path())), Some(Errno::EISDIR));
    assert_eq!(errno(input(Path::new("/dev/zero"))), Some(Errno::EINVAL));
    let socket = directory.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert_eq!(errno(output(&socket)), Some(Errno::ENXIO));
}

#[test]
fn dev_null_serves_for_all() {
    assert!(input(Path::new("/dev/null")).is_ok() && output(Path::new("/dev/null")).is_ok());
}

#[test]
fn a_fifo_does_not_hang() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fifo");
    mkfifo(&path, Mode::from_bits_truncate(0o600)).unwrap();
    assert_eq!(errno(output(&path)), Some(Errno::ENXIO));
    let reader = input(&path).unwrap();
    write(output(&path).unwrap(), b"through").unwrap();
    let mut got = [0; 16];
    assert_eq!(read(reader, &mut got).unwrap(), 7);
}

#[test]
fn dev_fd_is_the_descriptor_itself_at_its_own_offset() {
    let file = tempfile::tempfile().unwrap();
    write(&file, b"kept ").unwrap();
    let path = format!("/dev/fd/{}", file.as_raw_fd());
    write(output(Path::new(&path)).unwrap(), b"added").unwrap();
    assert_eq!(file.metadata().unwrap().len(), 10);
}

#[test]
fn a_descriptor_that_is_closed_or_open_the_other_way_is_refused() {
    let null = File::open("/dev/null").unwrap();
    let path = format!("/dev/fd/{}", null.as_raw_fd());
    let error = output(Path::new(&path)).unwrap_err();
    assert!(error.message.ends_with("is not open for writing"), "{error}");
    assert_eq!(errno(descriptor(1_000_000, OFlag::O_RDONLY)), Some(Errno::EBADF));
    assert_eq!(errno(descriptor(-1, OFlag::O_RDONLY)), Some(Errno::EBADF));
}
