//! `sandbox kill NAME…`: ends sandboxes, or signals what runs in them.

use super::say::{self, Verbosity};
use crate::error::{Error, ErrorKind};
use crate::host::registry::ask;
use crate::host::registry::message::{Answer, Misunderstood, Question};
use nix::errno::Errno;
use nix::poll::PollTimeout;
use nix::sys::signal::Signal;
use std::time::Duration;

/// How long a sandbox may take to end: a process may be in the kernel, and systemd slow to give up a scope.
const PATIENCE: Duration = Duration::from_secs(20);

/// Each of them, whatever becomes of the others; 125 if one could not be done.
pub fn kill(names: &[String], signal: Option<Signal>) -> u8 {
    say::start(Verbosity::default());
    names.iter().map(|name| one(name, signal).map_or_else(|error| say::error(&error), |()| 0)).max().unwrap_or(0)
}

fn one(name: &str, signal: Option<Signal>) -> Result<(), Error> {
    let mut run = ask::find(name)?;
    let question = signal.map_or(Question::Kill, |signal| Question::Signal(signal as i32));
    let answer = match run.ask(question) {
        // What job control has stopped hears once it goes on.
        Err(error) if error.errno == Some(Errno::EAGAIN) && signal.is_none() => {
            run.wake();
            run.ask(question)
        }
        answer => answer,
    };
    match answer {
        Ok((Answer::Done, _)) => {}
        Ok(_) => return Err(run.not_understood(&Misunderstood::Nonsense)),
        // It was about to end anyway.
        Err(_) if signal.is_none() && run.ends_within(PollTimeout::ZERO) => return Ok(()),
        Err(error) => return Err(error),
    }
    let patience = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::MAX);
    if signal.is_some() || run.ends_within(patience) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Host, format!("the sandbox {name} has been told to end and is still there"))
        .remedy(format!("Look at what it waits for, or end its supervisor: kill -KILL {}", run.pid)))
}

/// `TERM`, `SIGTERM` or `15`.
pub fn signal(text: &str) -> Result<Signal, String> {
    let upper = text.to_ascii_uppercase();
    let name = if upper.starts_with("SIG") { upper.clone() } else { format!("SIG{upper}") };
    let number = || text.parse().ok().and_then(|number: i32| Signal::try_from(number).ok());
    name.parse().ok().or_else(number).ok_or_else(|| "no signal that signal(7) names".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_has_a_name_with_or_without_sig_or_a_number() {
        for text in ["TERM", "SIGTERM", "term", "15"] {
            assert_eq!(signal(text), Ok(Signal::SIGTERM), "{text}");
        }
        assert!(["", "0", "-9", "99", "TERMINATE"].into_iter().all(|text| signal(text).is_err()));
    }
}
