use super::*;
use nix::unistd::{mkfifo, read};
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;

fn file(path: &Path) -> ReportTarget {
    ReportTarget::File(path.to_owned())
}

#[test]
fn an_old_report_is_gone_before_the_start_and_the_new_one_is_there_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("r.json");
    fs::write(&path, "old").unwrap();
    let report = ReportFile::prepare(&file(&path)).unwrap();
    assert!(!path.exists());
    report.publish(b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_link_put_there_during_the_run_is_replaced_and_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let (path, target) = (directory.path().join("r.json"), directory.path().join("target"));
    fs::write(&target, "precious").unwrap();
    let report = ReportFile::prepare(&file(&path)).unwrap();
    symlink(&target, &path).unwrap();
    report.publish(b"new").unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"precious");
    assert!(fs::symlink_metadata(&path).unwrap().is_file());
}

#[test]
fn a_link_that_was_there_before_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("r.json");
    symlink("target", &path).unwrap();
    assert_eq!(ReportFile::prepare(&file(&path)).unwrap_err().errno, Some(Errno::ELOOP));
    assert!(path.is_symlink());
}

#[test]
fn the_directory_is_the_one_of_the_start_even_if_it_was_renamed() {
    let directory = tempfile::tempdir().unwrap();
    let (before, after) = (directory.path().join("before"), directory.path().join("after"));
    fs::create_dir(&before).unwrap();
    let report = ReportFile::prepare(&file(&before.join("r"))).unwrap();
    fs::rename(&before, &after).unwrap();
    report.publish(b"new").unwrap();
    assert_eq!(fs::read(after.join("r")).unwrap(), b"new");
}

#[test]
fn a_name_taken_beside_it_is_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("r");
    let taken = directory.path().join(format!(".sandbox-report.{}-0", std::process::id()));
    symlink("elsewhere", &taken).unwrap();
    ReportFile::prepare(&file(&path)).unwrap().publish(b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert!(taken.is_symlink() && !directory.path().join("elsewhere").exists());
}

#[test]
fn a_directory_put_in_its_place_is_an_error_and_leaves_nothing_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("r");
    let report = ReportFile::prepare(&file(&path)).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(report.publish(b"new").unwrap_err().errno, Some(Errno::EISDIR));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_place_that_is_missing_or_a_directory_is_refused_before_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let missing = ReportFile::prepare(&file(&directory.path().join("no/r")));
    assert_eq!(missing.unwrap_err().errno, Some(Errno::ENOENT));
    assert!(ReportFile::prepare(&file(directory.path())).is_err());
    assert!(ReportFile::prepare(&file(Path::new("/"))).is_err());
}

#[test]
fn a_descriptor_a_fifo_and_dev_null_are_written_to() {
    let (reader, writer) = nix::unistd::pipe().unwrap();
    let mut got = [0; 16];
    for target in [ReportTarget::Fd(writer.as_raw_fd()), file(Path::new(&format!("/dev/fd/{}", writer.as_raw_fd())))] {
        ReportFile::prepare(&target).unwrap().publish(b"verdict").unwrap();
        assert_eq!(read(&reader, &mut got).unwrap(), 7);
    }
    ReportFile::prepare(&file(Path::new("/dev/null"))).unwrap().publish(b"x").unwrap();

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fifo");
    mkfifo(&path, Mode::from_bits_truncate(0o600)).unwrap();
    let reader = super::super::open::input(&path).unwrap();
    ReportFile::prepare(&file(&path)).unwrap().publish(b"verdict").unwrap();
    assert_eq!(read(&reader, &mut got).unwrap(), 7);
}
