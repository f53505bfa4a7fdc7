//! Nothing of a run outlives it, whatever it ignores and however it hides.

use super::attempt::Attack;
use super::host::{Life, ON_HOST, fifo, through};

fn outlives(attack: Attack) {
    let life = Life::default();
    let watch = life.clone();
    let attack = attack.without("pid-namespace,cgroup").flags(ON_HOST);
    attack.bait(move |bench, _| watch.watch(bench)).effect(move |_, _| life.goes_on()).is_stopped();
}

#[test]
fn a_daemon_outlives_the_run() {
    outlives(attack!("survivors", "leave", "daemon"));
}

// CLONE_PARENT
#[test]
fn a_child_of_init_outlives_the_run() {
    outlives(attack!("survivors", "leave", "sister"));
}

#[test]
fn a_daemon_writes_to_the_callers_stdout_when_the_run_is_over() {
    let attack = attack!("survivors", "speak-after").without("pid-namespace,cgroup,stdio").flags(ON_HOST);
    attack.effect(|_, output| output.text().ends_with("outlived")).is_stopped();
}

// SIGSTOP and SIGKILL to init, deaf and stopped children: the supervisor is outside, and its second word is the end.
#[test]
fn a_deaf_crowd_outlives_a_supervisor_that_is_told_to_end() {
    let life = Life::default();
    let watch = life.clone();
    let attack = attack!("survivors", "resist").without("pid-namespace,cgroup").flags(ON_HOST);
    let script = "\"$@\" & read ready <\"$0\"; kill -TERM $!; kill -INT $!; wait $!; test $? = 137 && exit 43";
    attack
        .bait(move |bench, command| {
            watch.watch(bench);
            let ready = bench.shared.join("ready");
            through(command, "sh", &["-c", script, fifo(bench, &ready).to_str().unwrap()]);
        })
        .effect(move |_, _| life.goes_on())
        .is_stopped();
}

// The supervisor's verdict of it is 124.
#[test]
fn a_deaf_command_outstays_its_time() {
    let attack = attack!("survivors", "outstay", "1500").without("wall-time").flags(&["--wall-time", "200ms"]);
    let script = "\"$@\"; end=$?; test $end = 124 && exit 43; exit $end";
    attack.bait(move |_, command| through(command, "sh", &["-c", script, "sh"])).is_stopped();
}
