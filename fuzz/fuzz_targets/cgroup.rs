//! What is read of a cgroup and of the payload's processes, and the helper's answer: a number, a place below, or nothing.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbox::fuzzing::{cgroup, inside};
use std::path::{Component, Path};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    for shows in ["/", "/user.slice", "/a/b"].map(Path::new) {
        let Some(place) = cgroup::place(&text, shows) else { continue };
        assert!(place.components().all(|part| matches!(part, Component::Normal(_))), "{place:?}");
    }
    for key in ["oom", "oom_kill", "max", "user_usec"] {
        // Whatever else stands there, and whatever follows, the line that is there first counts.
        assert_eq!(cgroup::key_of(&format!("{key} 7\n{text}"), key), Some(7));
        let found = cgroup::key_of(&text, key);
        let other = format!("{key}x 7\n{key}7\n{text}");
        assert_eq!(cgroup::key_of(&other, key), found);
    }
    // The name of a process is the payload's, and no field of the line.
    let fields = "R 1 7 7 0 -1 0 1 2 3 4 10 20 30 40 20 0 1 0";
    assert_eq!(inside::waited_for(&format!("7 ({text}) {fields}")), Some(70));
    inside::waited_for(&text);
    match cgroup::answer(bytes) {
        Ok(place) => assert!(text.contains("Moved"), "{place}"),
        Err(reason) => assert!(!reason.is_empty()),
    }
});
