//! Another sandbox at the same time: what it does to the attack, or the attack to it.

use super::attempt::STOPPED;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// It says a line when it is ready, does what it does until its stdin ends, and then answers, as an attack does, whether it was met:
/// by a word, a signal, a change.
pub struct Sibling(Child);

impl Sibling {
    /// Starts it, and waits until it is ready.
    #[track_caller]
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "ready", "the sibling did not start");
        Sibling(child)
    }

    /// Ends it. True if it was met, or did not live to its end.
    pub fn end(mut self) -> bool {
        drop(self.0.stdin.take());
        self.0.wait().unwrap().code() != Some(STOPPED)
    }
}
