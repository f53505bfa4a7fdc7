//! A bus of the test's own, where the sandbox looks for the caller's.

use super::super::harness::{Project, root};
use super::runtime_directory;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// What a bus that stands before the real one does about the one call.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Fault {
    /// It hears it, and is gone.
    Dies,
    /// It passes it on, and is gone before the answer.
    LosesAnswer,
}

/// Where the test's bus is.
pub(super) fn socket(project: &Project) -> PathBuf {
    project.home().join(if root() { "system_bus_socket" } else { "bus" })
}

/// `sandbox ARGS`, which finds only what is in the test's home. Host root's bus has a fixed place, and so a mount on it.
pub(super) fn sandbox(project: &Project, args: &[&str]) -> Command {
    if root() {
        return project.prepared(&format!("mount --bind {} /run/dbus", project.home().display()), args);
    }
    let mut command = project.sandbox(args);
    command.env("XDG_RUNTIME_DIR", project.home());
    command
}

/// Hears whoever comes, and says nothing.
pub(super) fn silent(project: &Project) -> UnixListener {
    UnixListener::bind(socket(project)).unwrap()
}

/// Hangs up on whoever comes.
pub(super) fn hanging_up(project: &Project) {
    let bus = silent(project);
    thread::spawn(move || bus.incoming().for_each(drop));
}

/// Stands before the real one.
pub(super) fn faulty(project: &Project, fault: Fault) {
    let bus = silent(project);
    let real = if root() { "/run/dbus/system_bus_socket".into() } else { runtime_directory() + "/bus" };
    thread::spawn(move || {
        for client in bus.incoming() {
            let (client, server) = (client.unwrap(), UnixStream::connect(&real).unwrap());
            thread::spawn(move || relay(&client, &server, fault));
        }
    });
}

fn relay(client: &UnixStream, server: &UnixStream, fault: Fault) {
    let called = AtomicBool::new(false);
    let mut asked = Vec::new();
    thread::scope(|scope| {
        let called = &called;
        scope.spawn(move || {
            pass(server, client, |_| !called.load(Ordering::SeqCst));
        });
        pass(client, server, |bytes| {
            asked.extend_from_slice(bytes);
            let name = b"StartTransientUnit";
            called.store(asked.windows(name.len()).any(|window| window == name), Ordering::SeqCst);
            !called.load(Ordering::SeqCst) || fault == Fault::LosesAnswer
        });
    });
}

/// From one to the other, as long as it may be.
fn pass(mut from: &UnixStream, mut to: &UnixStream, mut may_be: impl FnMut(&[u8]) -> bool) {
    let mut buffer = [0; 4096];
    loop {
        let count = match from.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Ok(count) if count > 0 && may_be(&buffer[..count]) => count,
            _ => break,
        };
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    for end in [from, to] {
        end.shutdown(Shutdown::Both).ok();
    }
}
