//! At whatever moment an import or a removal ends, nothing half made is a root, and nothing is left after the next command.

use super::super::harness::{Project, binary, finish, patience};
use super::{FILES, archive, children, import, large, left, list, names, outside, send, start, store};
use nix::sys::signal::Signal;
use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::thread::sleep;
use std::time::{Duration, Instant};

#[track_caller]
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < patience(), "{what}");
        sleep(Duration::from_millis(1));
    }
}

/// Either all of it or nothing, and no trace.
#[track_caller]
fn is_whole_or_nothing(project: &Project, name: &str) {
    match list(project).as_slice() {
        [] => assert!(left(project).is_empty(), "{:?}", left(project)),
        [root] => {
            assert_eq!((root["name"].as_str(), root["broken"].as_str()), (Some(name), None));
            let files = fs::read_dir(store(project).join(name).join("tree")).unwrap().count();
            assert_eq!(files as u64, FILES - 1);
            assert_eq!(left(project), [name]);
            project.run(&["rootfs", "remove", name]).ok();
        }
        more => panic!("{more:?}"),
    }
}

#[test]
fn a_signal_while_stdin_is_read_ends_it_as_a_shell_says() {
    let project = Project::new();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let mut running = start(&project, &["rootfs", "import", "-", "--name", "x"]);
        running.stdin.as_mut().unwrap().write_all(&[0; 4096]).unwrap();
        wait_until("it reads", || left(&project).iter().any(|name| name.starts_with(".import-")));
        // The signals are held back before the directory is made.
        send(running.id(), signal);
        assert_eq!(running.wait().unwrap().code(), Some(128 + signal as i32));
        assert!(left(&project).is_empty(), "{:?}", left(&project));
    }
}

#[test]
fn a_signal_at_any_moment_leaves_a_whole_root_or_none() {
    let project = Project::new();
    large(&project);
    for (round, delay) in [0, 5, 10, 20, 30, 40, 60, 80, 120, 200].into_iter().enumerate() {
        let signal = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL][round % 3];
        let mut running = start(&project, &["rootfs", "import", "large.tar", "--name", "x"]);
        sleep(Duration::from_millis(delay));
        send(running.id(), signal);
        let status = running.wait().unwrap();
        let by_itself = [Some(0), Some(128 + signal as i32)].contains(&status.code());
        assert!(by_itself || status.signal() == Some(signal as i32), "{status:?}");
        if signal != Signal::SIGKILL {
            assert!(left(&project).iter().all(|name| name == "x"), "{:?}", left(&project));
        }
        // What a kill left is held for as long as something in it still dies.
        wait_until("nothing half made stays", || {
            names(&project);
            left(&project).iter().all(|name| name == "x")
        });
        is_whole_or_nothing(&project, "x");
    }
}

#[test]
fn a_part_that_is_killed_is_told_and_leaves_nothing() {
    let project = Project::new();
    large(&project);
    for depth in [1, 2, 3] {
        let mut running = start(&project, &["rootfs", "import", "large.tar", "--name", "x"]);
        let mut victim = running.id();
        for _ in 0..depth {
            wait_until("a part runs", || {
                let found = children(victim).first().copied();
                victim = found.unwrap_or(victim);
                found.is_some() || running.try_wait().unwrap().is_some()
            });
        }
        if victim != running.id() {
            send(victim, Signal::SIGKILL);
        }
        assert!([Some(0), Some(125)].contains(&running.wait().unwrap().code()));
        assert!(left(&project).iter().all(|name| name == "x"), "depth {depth}: {:?}", left(&project));
        is_whole_or_nothing(&project, "x");
    }
}

#[test]
fn children_from_before_are_not_waited_for() {
    let project = Project::new();
    archive(&project);
    // As an entrypoint that starts a daemon, and becomes the import.
    let script = "sleep 1000 > /dev/null 2>&1 & echo $! > daemon; exec \"$0\" rootfs import tree.tar --name x";
    let mut entrypoint = project.outside("sh", &["-c", script]);
    entrypoint.arg(binary());
    finish(entrypoint).ok();
    outside(&project, "kill $(cat daemon)");
}

#[test]
fn a_running_import_is_never_taken_for_a_dead_one() {
    let project = Project::new();
    large(&project);
    let mut running = start(&project, &["rootfs", "import", "-", "--name", "slow"]);
    wait_until("it has begun", || left(&project).iter().any(|name| name.starts_with(".import-")));
    assert!(list(&project).is_empty());
    import(&project, "large.tar", "fast").ok();
    project.run(&["rootfs", "remove", "fast"]).ok();
    assert_eq!(left(&project).len(), 1);
    let archive = fs::read(project.path().join("large.tar")).unwrap();
    running.stdin.take().unwrap().write_all(&archive).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(0));
    assert_eq!(left(&project), ["slow"]);
}

#[test]
fn a_removal_that_is_killed_is_finished_by_the_next_command() {
    let project = Project::new();
    large(&project);
    for delay in [0, 5, 10, 20, 40] {
        import(&project, "large.tar", "x").ok();
        let mut running = start(&project, &["rootfs", "remove", "x"]);
        sleep(Duration::from_millis(delay));
        send(running.id(), Signal::SIGKILL);
        running.wait().unwrap();
        is_whole_or_nothing(&project, "x");
    }
}

#[test]
fn an_export_that_is_interrupted_leaves_the_old_file_or_a_whole_archive() {
    let project = Project::new();
    large(&project);
    import(&project, "large.tar", "x").ok();
    project.write("out.tar", "old");
    // Twice: the second one waits while what is half made is taken away.
    for signals in [&[Signal::SIGTERM][..], &[Signal::SIGTERM, Signal::SIGINT]] {
        for delay in [0, 10, 20, 40, 60, 80] {
            let mut running = start(&project, &["rootfs", "export", "x", "out.tar"]);
            sleep(Duration::from_millis(delay));
            signals.iter().for_each(|signal| send(running.id(), *signal));
            let status = running.wait().unwrap();
            let is_old = fs::read(project.path().join("out.tar")).unwrap() == b"old";
            assert!(!is_old || !status.success(), "{delay} ms");
            // It may have had its name already when the signal came.
            if !is_old {
                outside(&project, "tar -tf out.tar > /dev/null");
                project.write("out.tar", "old");
            }
            assert_eq!(outside(&project, "ls -A | grep sandbox- || true"), "", "{delay} ms, {status:?}");
        }
    }
}
