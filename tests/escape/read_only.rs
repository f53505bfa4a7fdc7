//! What was granted to read is not changed: content, names, metadata.
//!
//! Two layers hold content and names, the read-only mount and Landlock; metadata the mount alone.

macro_rules! attacks {
    ($program:literal, $place:literal, $without:literal: $($name:ident $way:literal $(, since $version:tt)?)+) => { $(
        #[test]
        fn $name() {
            attack!($program, $way, $place)$(.since($version))?.without($without).is_stopped();
        }
    )+ };
}

attacks! { "read_only_content", "/granted/file", "read-only,landlock":
    a_file_that_was_granted_to_read_is_written "write"
    it_is_emptied_by_one_who_opens_it_to_read "truncate-by-reader"
    it_is_truncated_by_its_path "truncate"
    a_descriptor_that_reads_is_opened_again_to_write "reopen-reader"
    a_descriptor_that_only_names_is_opened_again_to_write "reopen-path"
    it_is_written_through_a_shared_mapping "map"
    a_hole_is_punched_into_it "allocate"
    it_is_overwritten_by_copy_file_range "copy-range"
    it_is_overwritten_by_sendfile "sendfile"
    it_is_overwritten_by_splice "splice"
}

attacks! { "read_only_names", "/granted", "read-only,landlock":
    a_file_is_made_beside_what_was_granted_to_read "create"
    a_directory_is_made_there "mkdir"
    a_node_is_made_there "mknod"
    a_symbolic_link_is_made_there "symlink"
    a_file_there_gets_a_second_name "link"
    a_file_there_gets_another_name "rename"
    two_names_there_are_exchanged "exchange"
    a_file_there_is_removed "unlink"
    a_directory_there_is_removed "rmdir"
    a_nameless_file_there_gets_a_name "nameless"
    a_socket_is_bound_there "bind"
}

// Layer: the read-only mount alone; Landlock knows nothing of metadata.
attacks! { "read_only_metadata", "/granted/file", "read-only":
    the_mode_of_what_was_granted_to_read_is_changed "chmod"
    its_mode_is_changed_by_a_descriptor_that_reads "fchmod"
    its_mode_is_changed_by_a_descriptor_that_only_names "fchmodat2", since (6, 6)
    its_owner_is_set "chown"
    its_times_are_changed "utimensat"
    its_times_are_changed_by_a_descriptor_that_reads "futimens"
    it_gets_an_extended_attribute "setxattr"
    it_gets_an_extended_attribute_by_the_newer_call "setxattrat", since (6, 13)
    it_gets_an_access_control_list "acl"
    its_flags_are_changed_by_ioctl "setflags"
    its_flags_are_changed_by_the_newer_call "file_setattr", since (6, 17)
}

// Layer: the attributes are set on every mount of the tree.
#[test]
fn a_file_on_a_mount_below_what_was_granted_to_read_is_written() {
    attack!("read_only_content", "write", "/granted/directory/file")
        .set_up(
            "mkdir -p {home}/below; echo below > {home}/below/file; mount --bind {home}/below {home}/granted/directory",
        )
        .without("recursive,landlock")
        .is_stopped();
}
