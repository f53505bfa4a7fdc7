//! What of the page needs a cgroup.

use crate::walk::{LIMITS, walk};

#[test]
#[ignore = "needs cgroup v2 and a service manager: tests/vm/run"]
fn the_page_s_limits_hold_a_fork_bomb_and_a_memory_eater() {
    walk(|title| ["A root file system", LIMITS].contains(&title));
}
