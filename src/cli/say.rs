//! The one place that turns errors, outcomes and events into lines on stderr, each beginning with `sandbox: `.
//!
//! Names in them come from the payload's side as well: whatever could steer a terminal is escaped.

use super::args::Color;
use crate::error::Error;
use crate::host::outcome::exit_code::SETUP_FAILED;
use std::fmt::{self, Write as _};
use std::io::{IsTerminal, Write as _};
use std::time::Instant;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// How much is said.
#[derive(Debug, Clone, Copy)]
pub struct Verbosity {
    /// How many `-v`.
    pub verbose: u8,
    /// `-q`
    pub quiet: bool,
    /// `--color`
    pub color: Color,
}

impl Default for Verbosity {
    fn default() -> Self {
        Verbosity { verbose: 0, quiet: false, color: Color::Auto }
    }
}

/// From here on events are printed: errors always, warnings unless quiet, `-v` the start and the end, `-vv` each step.
pub fn start(verbosity: Verbosity) {
    let level = match verbosity {
        Verbosity { quiet: true, .. } => Level::ERROR,
        Verbosity { verbose: 0, .. } => Level::WARN,
        Verbosity { verbose: 1, .. } => Level::INFO,
        _ => Level::DEBUG,
    };
    let color = match verbosity.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()),
    };
    let since = (level == Level::DEBUG).then(Instant::now);
    let subscriber = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    // A second start in one process would be a bug of ours, and the first one goes on serving.
    let _ = tracing::subscriber::set_global_default(subscriber.event_format(Line { color, since }).finish());
}

/// An error, and the exit code that goes with it.
pub fn error(error: &Error) -> u8 {
    tracing::error!("{error}");
    SETUP_FAILED
}

/// What was asked for, on stdout.
pub fn print(text: &str) -> u8 {
    // A reader that went away early (`| head`) has what it wanted.
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(failed) if failed.kind() != std::io::ErrorKind::BrokenPipe => {
            error(&Error::host(format!("stdout cannot be written: {failed}")))
        }
        _ => 0,
    }
}

/// `text` with every character escaped that a terminal would obey.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => escaped.push(character),
            // C0, DEL, C1, and what reorders or hides text: bidirectional controls, zero-width characters, tags.
            _ if character.is_control() || is_invisible(character) => escaped.extend(character.escape_default()),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// `text` on one line: a name with a newline in it must not look like a line of ours.
pub fn one_line(text: &str) -> String {
    escape(text).replace('\n', "\\n")
}

fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

struct Line {
    color: bool,
    /// Each line tells the microseconds from here.
    since: Option<Instant>,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut message = Message(String::new());
        event.record(&mut message);
        let red = self.color && *event.metadata().level() == Level::ERROR;
        writer.write_str(if red { "\x1b[1;31msandbox:\x1b[0m " } else { "sandbox: " })?;
        if let Some(since) = self.since {
            write!(writer, "{:>8} µs  ", since.elapsed().as_micros())?;
        }
        writeln!(writer, "{}", one_line(&message.0))
    }
}

/// The text of an event.
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // Writing to a String does not fail.
            let _ = write!(self.0, "{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_is_printed_as_it_is() {
        assert_eq!(escape("a\x1b]52;c;eA==\x07b"), "a\\u{1b}]52;c;eA==\\u{7}b");
        assert_eq!(escape("\u{9b}31m \u{202e}txt"), "\\u{9b}31m \\u{202e}txt");
        assert_eq!(escape("größe/文件\n"), "größe/文件\n");
        assert_eq!(one_line("a\nsandbox: all is well"), "a\\nsandbox: all is well");
    }
}
