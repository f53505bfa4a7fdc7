//! Files: what was not granted is not read.

#[test]
fn a_file_of_the_home_is_read_by_its_path() {
    attack!("files", "read-secret", "{home}/secret").without("detached-root").is_stopped();
}
