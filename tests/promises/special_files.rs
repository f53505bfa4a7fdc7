//! `/proc` and `/dev` hold what programs need and nothing that reaches the host.

use super::harness::Project;

// Layer: covers over proc files, each ENOENT, EACCES or empty.
#[test]
fn dangerous_files_of_proc_are_covered() {
    let project = Project::new();
    for file in [
        "kcore",
        "cmdline",
        "keys",
        "key-users",
        "timer_list",
        "latency_stats",
        "timer_stats",
        "sched_debug",
        "kallsyms",
        "kmsg",
        "kpagecount",
        "config.gz",
        "interrupts",
    ] {
        let output = project.shell(&["-p", "build"], &format!("head -c 64 /proc/{file} | wc -c"));
        assert_eq!(output.text(), "0", "/proc/{file}");
    }
    for dir in ["acpi", "asound", "pressure", "scsi"] {
        assert_eq!(project.inside(&format!("ls -A /proc/{dir} 2>/dev/null | wc -l")), "0", "/proc/{dir}");
    }
}

// Layer: read-only /proc/sys and its like. uid 0 inside owns the UTS and network namespaces: only the cover stops it.
#[test]
fn the_settings_in_proc_are_read_only() {
    let project = Project::new();
    for file in [
        "sys/kernel/hostname",
        "sys/net/ipv4/ip_forward",
        "sys/user/max_user_namespaces",
        "sys/kernel/core_pattern",
        "sysrq-trigger",
        "irq/default_smp_affinity",
    ] {
        let output = project.shell(&["-p", "build"], &format!("test ! -e /proc/{file} || echo 1 > /proc/{file}"));
        let absent = output.code() == 0 && !std::path::Path::new("/proc").join(file).exists();
        assert!(absent || output.code() != 0, "/proc/{file} was written");
    }
    let output = project.shell(&["-p", "build"], "echo x > /proc/sys/kernel/hostname");
    output.says(&["read-only file system"]);
}

#[test]
fn a_cover_cannot_be_taken_off() {
    let project = Project::new();
    let output = project.shell(
        &["-p", "build"],
        "umount /proc/sys; umount /proc/keys; mount -t proc p /tmp; ls -d /tmp/1; umount -l /proc",
    );
    assert_eq!(output.text(), "");
    assert_eq!(
        project
            .inside("umount -l /proc/sys 2>/dev/null; echo x 2>/dev/null > /proc/sys/kernel/hostname || echo closed"),
        "closed"
    );
}

// Layer: a made-up /dev.
#[test]
fn dev_holds_only_the_expected_names() {
    let names = Project::new().inside("ls /dev");
    let known = [
        "console", "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom",
        "zero", "core", "mqueue",
    ];
    let strange: Vec<_> = names.lines().filter(|name| !known.contains(name)).collect();
    assert!(strange.is_empty(), "{strange:?}");
    for needed in ["full", "null", "ptmx", "random", "shm", "tty", "urandom", "zero"] {
        assert!(names.lines().any(|name| name == needed), "no {needed} in {names}");
    }
}

#[test]
fn the_devices_work() {
    let script = "head -c 8 /dev/urandom | wc -c; head -c 8 /dev/zero | wc -c; echo x > /dev/null; echo x > /dev/full || echo full";
    assert_eq!(Project::new().inside(script), "8\n8\nfull");
}

#[test]
fn no_device_can_be_made() {
    let project = Project::new();
    for place in ["/tmp", "."] {
        let output = project.shell(&["-p", "build"], &format!("mknod {place}/disk b 254 0"));
        assert_ne!(output.code(), 0);
    }
}

// Layer: a new devpts instance.
#[test]
fn the_terminals_of_the_host_are_not_there() {
    let project = Project::new();
    assert_eq!(project.inside("ls /dev/pts"), "ptmx");
    assert_eq!(project.inside("python3 -c 'import os; m,s = os.openpty(); print(os.ttyname(s))'"), "/dev/pts/0");
}

#[test]
fn dev_is_read_only_and_shm_is_writable() {
    let project = Project::new();
    project.shell(&["-p", "build"], "touch /dev/x").exits(1).says(&["read-only"]);
    assert_eq!(
        project
            .inside("touch /dev/shm/x && echo ok; python3 -c 'import multiprocessing as m; print(m.Lock().acquire())'"),
        "ok\nTrue"
    );
}

#[test]
fn there_is_no_sysfs_and_no_cgroupfs() {
    assert_eq!(Project::new().inside("ls -A /sys 2>/dev/null | wc -l; grep -c cgroup /proc/self/mounts; true"), "0\n0");
}

#[test]
fn the_init_of_the_sandbox_is_closed() {
    let project = Project::new();
    for file in ["environ", "mem", "exe", "fd/0", "maps", "auxv"] {
        let output = project.shell(&["-p", "test"], &format!("head -c 1 /proc/1/{file}"));
        assert_ne!((output.code(), output.text().as_str()), (0, ""), "/proc/1/{file} can be opened");
        assert_eq!(output.text(), "", "/proc/1/{file}");
    }
    for link in ["root", "cwd", "exe", "ns/mnt", "fd/0"] {
        assert_ne!(project.shell(&["-p", "test"], &format!("readlink /proc/1/{link}")).code(), 0, "/proc/1/{link}");
    }
}

// Layer: init overwrites argv and environment before the fork; dumpable does not hide cmdline.
#[test]
fn the_command_line_and_environment_of_the_supervisor_are_not_shown() {
    let project = Project::new();
    let mut command = project.sandbox(&[
        "-p",
        "build",
        "--env",
        "KEY=canary-in-argv",
        "--",
        "sh",
        "-c",
        "cat /proc/1/cmdline /proc/1/environ | tr '\\0' ' '",
    ]);
    command.env("OTHER", "canary-in-environ");
    let output = super::harness::finish(command);
    assert!(!output.text().contains("canary"), "{}", output.text());
}

// A cover that was planned for a socket that is gone again covers nothing, and is no reason not to start; nor is a directory that was
// to be held in its place for such a cover.
#[test]
fn a_socket_of_the_host_that_comes_and_goes_does_not_keep_a_run_from_starting() {
    comes_and_goes(
        "s = socket.socket(socket.AF_UNIX); s.bind(os.path.abspath('churn.sock')); s.close(); os.unlink('churn.sock')",
    );
}

#[test]
fn a_directory_with_a_socket_of_the_host_that_comes_and_goes_does_not_either() {
    comes_and_goes(
        "os.makedirs('churn/deep'); s = socket.socket(socket.AF_UNIX); s.bind(os.path.abspath('churn/deep/sock'))
    time.sleep(0.004); s.close(); shutil.rmtree('churn')",
    );
}

#[track_caller]
fn comes_and_goes(once: &str) {
    let project = Project::new();
    let churn =
        format!("import os, shutil, socket, time\nprint('ready', flush=True)\nwhile os.getppid() != 1:\n    {once}");
    let mut churn = project.outside("python3", &["-c", &churn]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut ready = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(churn.stdout.take().unwrap()), &mut ready).unwrap();
    let runs: Vec<_> = (0..40).map(|_| project.run(&["-p", "build", "--", "ls", "-A", "/"])).collect();
    churn.kill().unwrap();
    churn.wait().unwrap();
    for run in runs {
        assert!(!run.ok().contains(".cover"));
    }
}
