//! The one place that turns errors, outcomes and events into lines on stderr, each beginning with `sandbox: `.
//!
//! Names in them come from the payload's side as well: whatever could steer a terminal is escaped.

use super::args::Color;
use crate::error::Error;
use crate::host::outcome::exit_code::SETUP_FAILED;
use crate::visible;
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

/// A table that was asked for, on stderr, however quiet it is to be.
pub fn tell(table: &str) {
    let lines: String = table.lines().map(|line| format!("sandbox: {}\n", visible::line(line))).collect();
    // As with any message: where it cannot be written there is nobody to tell.
    let _ = std::io::stderr().write_all(lines.as_bytes());
}

/// A table or a page of ours, on stdout: names in it are not.
pub fn show(text: &str) -> u8 {
    print(&visible::text(text))
}

/// A text to be kept, on stdout: to a file it goes as it is, to a terminal so that it can be looked at.
pub fn hand_out(text: &str) -> u8 {
    if std::io::stdout().is_terminal() { show(text) } else { print(text) }
}

/// What was asked for, on stdout, as it is.
pub fn print(text: &str) -> u8 {
    // A reader that went away early (`| head`) has what it wanted.
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(failed) if failed.kind() != std::io::ErrorKind::BrokenPipe => {
            error(&Error::host(format!("stdout cannot be written: {failed}")))
        }
        _ => 0,
    }
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
        writeln!(writer, "{}", visible::line(&message.0))
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
