//! Keys of the caller's: keyrings(7). Started by root, the command is another user than the one whose keys they are, hence
//! `--outside caller`, which changes nothing for an ordinary one.

#[test]
fn a_key_of_the_callers_session_is_read() {
    attack!("keys", "read-session").started_by(&["in-session"]).without("keyring,seccomp").is_stopped();
}

#[test]
fn a_key_of_the_callers_session_is_asked_for() {
    attack!("keys", "request").started_by(&["in-session"]).without("keyring,seccomp").is_stopped();
}

#[test]
fn a_key_of_the_user_is_read_by_its_number() {
    attack!("keys", "read-by-number", "@")
        .started_by(&["of-user"])
        .without("seccomp")
        .weakened_by(&["--outside=caller"])
        .is_stopped();
}

#[test]
fn the_keys_of_the_user_are_listed_in_proc() {
    attack!("keys", "list", "@")
        .started_by(&["of-user"])
        .without("proc-covers")
        .weakened_by(&["--outside=caller"])
        .is_stopped();
}

#[test]
fn the_quota_of_keys_that_the_caller_shares_is_used() {
    attack!("keys", "use-quota").without("seccomp").is_stopped();
}
