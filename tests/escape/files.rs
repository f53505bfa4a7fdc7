//! Files: what was not granted is not read, what was granted to read is not written.

#[test]
fn a_file_of_the_home_is_read_by_its_path() {
    attack!("files", "read-secret", "{home}/secret").without("detached-root").is_stopped();
}

#[test]
fn a_file_that_was_granted_to_read_is_written() {
    attack!("files", "write-file", "/granted/file").without("read-only,landlock").is_stopped();
}
