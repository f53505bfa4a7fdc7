//! What is exported is what was imported.

use super::super::harness::{Project, binary, finish, patience, root};
use super::super::pty::Terminal;
use super::{archive, import, outside, send, start, store};
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

/// Names, kinds, modes, sizes, times and links of a tree; and the digest of each file.
const MANIFEST: &str = r"find . -printf '%P %y %m %s %T@ %n %l\0' | sed -z 's/ d \([0-9]*\) [0-9]* / d \1 /' | sort -z;
    find . -type f -readable -print0 | sort -z | xargs -0 sha256sum";

#[test]
fn a_tree_comes_back_as_it_was() {
    let project = Project::new();
    let tree = r#"
        mkdir -p tree/bin tree/a/b; cd tree
        echo x > bin/x; ln bin/x a/b/y; ln bin/x a/z; ln -s ../bin/x a/link; ln -s /nowhere dangling
        long=$(printf 'n%.0s' $(seq 200)); mkdir $long; echo long > $long/$long; ln -s $long/$long $long/$long.link
        ln $long/$long $long/hard
        printf 'odd' > "$(printf 'line\nend \377 \303\244 \\ "')"
        mkfifo pipe; head -c 100000 /dev/urandom > big; : > empty; truncate -s 3M sparse; chmod 444 big; chmod 1777 a/b
        touch -d '1969-12-31 23:59:58.5 UTC' empty; touch -d '2001-02-03 04:05:06.123456789 UTC' bin/x
        touch -h -d '2011-02-03 04:05:06.000000007 UTC' a/link; touch -d '2300-01-01 UTC' sparse
        chmod 0555 a; touch -d '1980-01-01 UTC' a bin
        cd ..; tar --format=posix -cf tree.tar -C tree .; chmod 755 tree/a
    "#;
    outside(&project, tree);
    outside(&project, "mkdir before; tar -xpf tree.tar -C before");
    import(&project, "tree.tar", "one").ok();
    project.run(&["rootfs", "export", "one", "one.tar"]).ok();
    outside(&project, "mkdir after; tar -xpf one.tar -C after");
    let manifest = |directory: &str| outside(&project, &format!("cd {directory}; {MANIFEST}"));
    assert_eq!(manifest("after"), manifest("before"));
    assert_eq!(manifest("after"), manifest(store(&project).join("one/tree").to_str().unwrap()));
    // One tree makes one archive, however often it went to and fro.
    import(&project, "one.tar", "two").ok();
    project.run(&["rootfs", "export", "two", "two.tar"]).ok();
    outside(&project, "cmp one.tar two.tar");
    outside(&project, "chmod -R u+rwx before after");
    project.run(&["rootfs", "remove", "one", "two"]).ok();
}

#[test]
fn every_file_is_root_s_and_names_are_in_order() {
    let project = Project::new();
    archive(&project);
    import(&project, "tree.tar", "debian").ok();
    project.run(&["rootfs", "export", "debian", "out.tar"]).ok();
    let listed = outside(&project, "tar --numeric-owner -tvf out.tar");
    assert!(listed.lines().all(|line| line.split_whitespace().nth(1) == Some("0/0")), "{listed}");
    let names = outside(&project, "tar -tf out.tar");
    let order = "./ bin/ bin/hardlink bin/hello empty/ etc/ etc/link etc/passwd";
    assert_eq!(names.split_whitespace().collect::<Vec<_>>().join(" "), order);
}

// Layer: CAP_DAC_READ_SEARCH of the part inside, over a read-only tree.
#[test]
fn what_its_owner_may_not_read_is_exported_too() {
    let project = Project::new();
    outside(&project, "mkdir -p tree/closed; echo secret > tree/closed/shadow; chmod 0 tree/closed/shadow");
    // Only root can archive that: the modes are changed afterwards.
    outside(&project, "chmod 600 tree/closed/shadow; tar -cf tree.tar -C tree .");
    import(&project, "tree.tar", "debian").ok();
    outside(&project, &format!("cd {}/debian/tree; chmod 0 closed/shadow closed", store(&project).display()));
    let listed = outside(&project, &format!("{} rootfs export debian | tar -tvf - | cut -c1-10,40-", binary()));
    assert!(listed.contains("d---------") && listed.contains("----------"), "{listed}");
    outside(&project, &format!("{} rootfs export debian - | tar -xOf - closed/shadow | grep secret", binary()));
    project.run(&["rootfs", "remove", "debian"]).ok();
}

#[test]
fn a_socket_is_left_out_and_told() {
    let project = Project::new();
    archive(&project);
    import(&project, "tree.tar", "debian").ok();
    let _listener = std::os::unix::net::UnixListener::bind(store(&project).join("debian/tree/s")).unwrap();
    let output = project.run(&["rootfs", "export", "debian", "out.tar"]);
    output.exits(0).says(&["debian; left out: 1 socket\n"]);
    assert!(!outside(&project, "tar -tf out.tar").lines().any(|name| name == "s"));
}

#[test]
fn a_terminal_gets_no_archive() {
    let project = Project::new();
    archive(&project);
    import(&project, "tree.tar", "debian").ok();
    for file in [&[][..], &["-"], &["/dev/tty"]] {
        let mut terminal = Terminal::start(&project, &binary(), &[&["rootfs", "export", "debian"], file].concat());
        terminal.shows("nothing for a terminal");
        assert_eq!(terminal.ends().code(), Some(125), "{file:?}");
    }
}

#[test]
fn a_failed_export_leaves_the_old_file() {
    let project = Project::new();
    outside(&project, "mkdir tree; head -c 8M /dev/urandom > tree/file; tar -cf tree.tar -C tree .");
    import(&project, "tree.tar", "debian").ok();
    project.write("out.tar", "old");
    project.run(&["rootfs", "export", "debain", "out.tar"]).refused(&["Did you mean \"debian\"?"]);
    project.run(&["rootfs", "export", "debian", "nowhere/out.tar"]).refused(&["nowhere/out.tar cannot be written"]);
    project.run(&["rootfs", "export", "debian", "."]).refused(&["."]);
    let mut limited = project.outside("sh", &["-c", "ulimit -f 1000; exec \"$0\" rootfs export debian out.tar"]);
    limited.arg(binary());
    assert_ne!(finish(limited).status.code(), Some(0));
    let full = project.outside("sh", &["-c", &format!("{} rootfs export debian > /dev/full", binary())]);
    finish(full).refused(&["debian"]);
    assert_eq!(project.read("out.tar"), "old");
    if !root() {
        let small = project.path().join("small");
        fs::create_dir(&small).unwrap();
        let script = format!(
            "mount -t tmpfs -o size=1M none {}\n\"$1\" rootfs export debian small/out.tar || echo code $?; ls -A small; exit",
            small.display()
        );
        assert_eq!(finish(project.prepared(&script, &[])).ok(), "code 125");
    }
    let hidden = outside(&project, "ls -A | grep sandbox- || true");
    assert_eq!(hidden, "");
    project.run(&["rootfs", "export", "debian", "out.tar"]).ok();
    assert_eq!(outside(&project, "tar -tf out.tar | wc -l"), "2");
}

#[test]
fn an_export_that_waits_for_a_reader_ends_with_a_signal() {
    let project = Project::new();
    archive(&project);
    import(&project, "tree.tar", "debian").ok();
    outside(&project, "mkfifo fifo");
    let mut running = start(&project, &["rootfs", "export", "debian", "fifo"]);
    let root = store(&project).join("debian").canonicalize().unwrap();
    // To try its lock would be to hold it.
    let has_begun = |pid: u32| {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
        open.filter_map(|fd| fs::read_link(fd.path()).ok()).any(|file| file == root)
    };
    let begun = Instant::now();
    while !has_begun(running.id()) {
        assert!(begun.elapsed() < patience(), "it does not begin");
        std::thread::sleep(Duration::from_millis(1));
    }
    // Then it opens the FIFO; a signal that comes before that ends it as well.
    std::thread::sleep(Duration::from_millis(200));
    send(running.id(), Signal::SIGTERM);
    while running.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < patience() || running.kill().is_err(), "it waits for ever");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(running.wait().unwrap().signal(), Some(Signal::SIGTERM as i32));
}

#[test]
fn an_export_into_a_pipe_ends_with_its_reader() {
    let project = Project::new();
    outside(&project, "mkdir tree; head -c 8M /dev/urandom > tree/file; tar -cf tree.tar -C tree .");
    import(&project, "tree.tar", "debian").ok();
    let piped = format!("{} rootfs export debian | head -c 1000 | wc -c", binary());
    assert_eq!(outside(&project, &piped), "1000");
}
