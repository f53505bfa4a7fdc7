//! How far an import has come: one line on a terminal, written over and taken away at the end.

use super::table::size;
use crate::rootfs::import::Progress;
use crate::sys::terminal::window_size;
use std::io::{IsTerminal, Write, stderr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// The line; without a terminal on stderr, or with `-q`, nothing.
pub(super) struct Bar {
    name: String,
    /// When it was last written; none before the first time.
    shown: Option<Instant>,
    is_wanted: bool,
    /// Turns, to show that something happens where no whole is known.
    turns: usize,
}

/// Between two times that it is written.
const PAUSE: Duration = Duration::from_millis(100);

impl Bar {
    pub(super) fn new(name: &str, quiet: bool) -> Bar {
        let is_wanted = !quiet && stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Bar { name: name.into(), shown: None, is_wanted, turns: 0 }
    }

    pub(super) fn show(&mut self, progress: Progress) {
        if !self.is_wanted || self.shown.is_some_and(|shown| shown.elapsed() < PAUSE) {
            return;
        }
        self.shown = Some(Instant::now());
        self.turns += 1;
        let columns = window_size(stderr().as_fd()).map_or(80, |size| usize::from(size.ws_col).max(20));
        // The last column stays free: writing there may begin a new line.
        let line: String = line(&self.name, progress, self.turns).chars().take(columns - 1).collect();
        let _ = write!(stderr(), "\r{line}\x1b[K");
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

/// `sandbox: importing debian  [==========          ]  118 MiB of 236 MiB`
fn line(name: &str, progress: Progress, turns: usize) -> String {
    let (bar, said) = match progress {
        Progress::Unpacking(bytes, Some(whole)) if bytes <= whole => {
            (filled(bytes, whole), format!("{} of {}", size(bytes), size(whole)))
        }
        Progress::Unpacking(bytes, _) | Progress::Reading(bytes) => (turning(turns), format!("{} read", size(bytes))),
    };
    format!("sandbox: importing {name}  [{bar}]  {said}")
}

/// Columns between the brackets.
const ROOM: usize = 20;

fn filled(bytes: u64, whole: u64) -> String {
    let part = (bytes as f64 / whole.max(1) as f64 * ROOM as f64) as usize;
    format!("{}{}", "=".repeat(part), " ".repeat(ROOM - part.min(ROOM)))
}

/// There and back again.
fn turning(turns: usize) -> String {
    const LENGTH: usize = 5;
    let way = ROOM - LENGTH;
    let at = turns % (2 * way);
    let at = if at > way { 2 * way - at } else { at };
    format!("{}{}{}", " ".repeat(at), "=".repeat(LENGTH), " ".repeat(way - at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_whole_is_not_known_the_bar_goes_there_and_back() {
        let lines: Vec<String> = (0..60).map(|turns| line("x", Progress::Reading(1 << 20), turns)).collect();
        assert!(lines.iter().all(|line| line.len() == lines[0].len() && line.contains("=====")));
        assert_eq!(lines[0], "sandbox: importing x  [=====               ]  1.0 MiB read");
        assert_eq!(lines[15], "sandbox: importing x  [               =====]  1.0 MiB read");
        assert_eq!((&lines[30], &lines[16]), (&lines[0], &lines[14]));
    }

    #[test]
    fn where_it_is_the_bar_fills_its_room() {
        let part = |bytes, whole| line("x", Progress::Unpacking(bytes, Some(whole)), 0);
        assert_eq!(part(0, 0), "sandbox: importing x  [                    ]  0 B of 0 B");
        assert_eq!(part(1 << 19, 1 << 20), "sandbox: importing x  [==========          ]  512 KiB of 1.0 MiB");
        assert_eq!(part(1 << 20, 1 << 20), "sandbox: importing x  [====================]  1.0 MiB of 1.0 MiB");
        // A part inside that says more than there is.
        assert_eq!(part(5, 4), "sandbox: importing x  [=====               ]  5 B read");
    }
}
