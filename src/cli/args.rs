//! The command line: argv → [`Invocation`]. Nothing is opened and nothing is looked up here.

mod layer;
mod options;
mod refusal;
mod rootfs;

use super::say::Verbosity;
use super::stats::Form;
use super::verify::{self, Asked};
use crate::error::Error;
use crate::host;
use crate::profile::Layer;
use crate::rootfs::inside;
use crate::verify::INSIDE;
use clap::{CommandFactory, Parser};
use nix::sys::signal::Signal;
use options::{CompletionsLine, EnterLine, ExplainLine, KillLine, ProfileLine, ProfileSubcommand, PsLine, RunLine};
use options::{RunOptions, StatsLine, VerifyLine};
use std::ffi::OsString;
use std::path::PathBuf;

pub use options::{Color, VERIFY_ONLY, whole};
pub use rootfs::{ImportOptions, Noise, RootfsLine, RootfsSubcommand};

/// What is asked for.
#[derive(Debug)]
pub enum Invocation {
    /// `sandbox [run] [OPTIONS] -- COMMAND`
    Run(Box<Run>),
    /// `sandbox explain`
    Explain {
        /// The run to explain.
        run: Box<Run>,
        /// `--json`
        json: bool,
    },
    /// `sandbox verify`
    Verify(Asked),
    /// What `verify` starts inside.
    VerifyInside {
        /// Another thing than the battery.
        word: Option<OsString>,
    },
    /// `sandbox profile list`
    ProfileList,
    /// `sandbox profile show NAME`
    ProfileShow {
        /// A name or a path.
        name: String,
        /// `--resolved`: with all that it extends.
        resolved: bool,
    },
    /// `sandbox profile check FILE…`
    ProfileCheck {
        /// Names or paths.
        files: Vec<String>,
    },
    /// `sandbox profile diff A B`
    ProfileDiff {
        /// A name or a path.
        a: String,
        /// Another.
        b: String,
    },
    /// `sandbox profile init [FILE]`
    ProfileInit {
        /// Where to write it.
        file: PathBuf,
    },
    /// `sandbox ps`
    Ps {
        /// `--json`
        json: bool,
    },
    /// `sandbox stats NAME`
    Stats {
        /// Of the sandbox.
        name: String,
        /// `--json`, `--once`
        form: Form,
    },
    /// `sandbox kill NAME…`
    Kill {
        /// Of the sandboxes.
        names: Vec<String>,
        /// `--signal`: none ends everything.
        signal: Option<Signal>,
    },
    /// `sandbox enter NAME [-- COMMAND]`
    Enter(Entry),
    /// `sandbox rootfs`
    Rootfs(RootfsSubcommand),
    /// What `rootfs` starts inside.
    RootfsInside {
        /// What there is to do.
        task: Option<OsString>,
    },
    /// `sandbox completions SHELL`
    Completions {
        /// Its name.
        shell: String,
    },
    /// `--help`, `--version`: this text on stdout, exit code 0.
    Print(String),
}

/// A run as the command line has it.
#[derive(Debug)]
pub struct Run {
    /// `-C`: to be entered before anything else is looked at.
    pub directory: Option<PathBuf>,
    /// `--profile`, in order; empty for the default one.
    pub profiles: Vec<String>,
    /// The flags that are keys of a profile.
    pub flags: Layer,
    /// What follows `--`; empty if the profile is to say.
    pub command: Vec<OsString>,
    /// Where its bytes go, how its end is told.
    pub options: host::Options,
    /// How many `-v`.
    pub verbose: u8,
    /// `-q`
    pub quiet: bool,
    /// `--color`
    pub color: Color,
}

/// `sandbox enter`
#[derive(Debug)]
pub struct Entry {
    /// Of the sandbox.
    pub name: String,
    /// Empty for its shell.
    pub command: Vec<OsString>,
    /// `--timings`
    pub timings: bool,
    /// `-v`, `-q`, `--color`
    pub verbosity: Verbosity,
}

/// Reads the command line; `args` begins with the program's name.
///
/// # Errors
/// All of kind usage: exit code 125.
pub fn parse(args: impl Iterator<Item = OsString>) -> Result<Invocation, Error> {
    let args: Vec<OsString> = args.collect();
    let word = args.get(1).and_then(|word| word.to_str()).unwrap_or_default();
    // clap takes the first argument for the program's name, which is then the subcommand.
    let rest = args.iter().skip(1).cloned();
    match word {
        "run" => run(rest),
        "explain" => read::<ExplainLine>(rest, |line, matches| {
            Ok(Invocation::Explain { run: Box::new(line.run.into_run(matches)?), json: line.json })
        }),
        "verify" => {
            let options = verify::options(args.get(2..).unwrap_or_default());
            read::<VerifyLine>(rest, |line, matches| {
                let run = Box::new(line.run.into_run(matches)?);
                Ok(Invocation::Verify(Asked { run, options, json: line.json, is_bare: line.without_sandbox }))
            })
        }
        "rootfs" => read::<RootfsLine>(rest, |line, _| Ok(Invocation::Rootfs(line.subcommand))),
        inside::INSIDE => Ok(Invocation::RootfsInside { task: args.get(2).cloned() }),
        INSIDE => Ok(Invocation::VerifyInside { word: args.get(2).cloned() }),
        "profile" => read::<ProfileLine>(rest, |line, _| {
            Ok(match line.subcommand {
                ProfileSubcommand::List => Invocation::ProfileList,
                ProfileSubcommand::Show { name, resolved } => Invocation::ProfileShow { name, resolved },
                ProfileSubcommand::Check { files } => Invocation::ProfileCheck { files },
                ProfileSubcommand::Diff { a, b } => Invocation::ProfileDiff { a, b },
                ProfileSubcommand::Init { file } => Invocation::ProfileInit { file },
            })
        }),
        "ps" => read::<PsLine>(rest, |line, _| Ok(Invocation::Ps { json: line.json })),
        "stats" => read::<StatsLine>(rest, |line, _| {
            Ok(Invocation::Stats { name: line.name, form: Form { json: line.json, once: line.once } })
        }),
        "kill" => read::<KillLine>(rest, |line, _| Ok(Invocation::Kill { names: line.names, signal: line.signal })),
        "enter" => read::<EnterLine>(rest, |line, _| {
            let verbosity = Verbosity { verbose: line.verbose, quiet: line.quiet, color: line.color };
            let (name, command, timings) = (line.name, line.command, line.timings);
            Ok(Invocation::Enter(Entry { name, command, timings, verbosity }))
        }),
        "completions" => read::<CompletionsLine>(rest, |line, _| Ok(Invocation::Completions { shell: line.shell })),
        "help" => Ok(Invocation::Print(RunLine::command().render_help().to_string())),
        _ if word.starts_with('-') || args.len() < 2 => run(args.into_iter()),
        _ => Err(refusal::bare_word(word)),
    }
}

fn run(args: impl Iterator<Item = OsString>) -> Result<Invocation, Error> {
    read::<RunLine>(args, |line, matches| Ok(Invocation::Run(Box::new(line.run.into_run(matches)?))))
}

fn read<T: Parser>(
    args: impl Iterator<Item = OsString>,
    make: impl FnOnce(T, &clap::ArgMatches) -> Result<Invocation, Error>,
) -> Result<Invocation, Error> {
    use clap::error::ErrorKind::{DisplayHelp, DisplayVersion};
    let read =
        T::command().try_get_matches_from(args).and_then(|matches| Ok((T::from_arg_matches(&matches)?, matches)));
    match read {
        Ok((line, matches)) => make(line, &matches),
        Err(error) if matches!(error.kind(), DisplayHelp | DisplayVersion) => Ok(Invocation::Print(error.to_string())),
        Err(error) => Err(refusal::reword(&error, &T::command())),
    }
}

impl RunOptions {
    fn into_run(self, matches: &clap::ArgMatches) -> Result<Run, Error> {
        if self.report_format.is_some() && self.report.is_none() {
            return Err(Error::usage("--report-format says how a report is written, and there is none")
                .remedy("Add --report FILE, or leave it out"));
        }
        Ok(Run {
            flags: layer::layer(&self, matches)?,
            options: host::Options {
                stdin: self.stdin,
                stdout: self.stdout,
                stderr: self.stderr,
                report: self.report,
                report_format: self.report_format.unwrap_or_default(),
                exit_codes: self.exit_code,
                name: self.name,
                timings: self.timings,
            },
            directory: self.directory,
            profiles: self.profile,
            command: self.command,
            verbose: self.verbose,
            quiet: self.quiet,
            color: self.color,
        })
    }
}

#[cfg(test)]
mod tests;
