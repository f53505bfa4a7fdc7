//! The flags, as clap reads them; their comments are the help.

use super::rootfs::RootfsLine;
use crate::cli::kill;
use crate::host::{ReportFormat, ReportTarget, outcome::Status};
use crate::profile::schema::{
    Enforcement, Id, IdMap, NetworkMode, OnDeny, Outside, RootWritable, SeccompPolicy, TerminalMode,
};
use crate::profile::units::{Cpus, Duration, Limit, Size, Weight};
use crate::profile::wording;
use clap::{ArgAction, Args, Command, CommandFactory, Parser, Subcommand};
use nix::sys::signal::Signal;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IntoDeserializer, value::StrDeserializer};
use std::ffi::OsString;
use std::path::PathBuf;

/// Run a command where it sees only what a profile shows, uses only what it grants, and leaves nothing behind.
#[derive(Debug, Parser)]
#[command(
    name = "sandbox",
    version,
    override_usage = "sandbox [run] [OPTIONS] -- COMMAND [ARG]…\n       \
                      sandbox explain [--json] [OPTIONS] [-- COMMAND…]\n       \
                      sandbox verify [--json] [OPTIONS]\n       \
                      sandbox ps [--json]\n       \
                      sandbox stats NAME [--json] [--once]\n       \
                      sandbox kill NAME… [--signal SIGNAL]\n       \
                      sandbox enter NAME [-- COMMAND [ARG]…]\n       \
                      sandbox profile list | show NAME [--resolved] | check FILE… | diff A B | init [FILE]\n       \
                      sandbox rootfs import FILE|DIR --name NAME | list [--json] | remove NAME… | export NAME [FILE]\n       \
                      sandbox completions SHELL"
)]
pub struct RunLine {
    #[command(flatten)]
    pub run: RunOptions,
}

/// Print what a run would be, and start nothing.
#[derive(Debug, Parser)]
#[command(name = "sandbox explain", override_usage = "sandbox explain [--json] [OPTIONS] [-- COMMAND…]")]
pub struct ExplainLine {
    /// The plan as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub run: RunOptions,
}

/// Try to break what a profile promises, on this host, and print what holds, what does not, and why.
///
/// The exit code is 1 if a promise that was tried does not hold, 125 if they could not be tried.
#[derive(Debug, Parser)]
#[command(name = "sandbox verify", override_usage = "sandbox verify [--json] [OPTIONS]")]
pub struct VerifyLine {
    /// The verdicts as JSON
    #[arg(long)]
    pub json: bool,
    /// Run the probes without a sandbox, to see that they can fail
    #[arg(long)]
    pub without_sandbox: bool,
    #[command(flatten)]
    pub run: RunOptions,
}

/// The flags of `verify` that a run does not have.
pub const VERIFY_ONLY: [&str; 2] = ["--json", "--without-sandbox"];

/// Look at profiles.
#[derive(Debug, Parser)]
#[command(name = "sandbox profile", disable_help_subcommand = true)]
pub struct ProfileLine {
    #[command(subcommand)]
    pub subcommand: ProfileSubcommand,
}

#[derive(Debug, Subcommand)]
pub enum ProfileSubcommand {
    /// Every profile that can be named, where it comes from and what it is for
    List,
    /// The text of a profile
    Show {
        /// A name, or a path with a slash
        name: String,
        /// With all that it extends, each entry with the place it comes from
        #[arg(long)]
        resolved: bool,
    },
    /// Read profiles and print every error
    Check {
        /// Names, or paths
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
    },
    /// Print what two profiles differ in, with all that each extends: exit code 1 if there is anything
    Diff {
        /// A name, or a path with a slash; what only it says begins with -
        a: String,
        /// Another; what only it says begins with +
        b: String,
    },
    /// Write a first profile for the project in the current directory
    Init {
        /// The file to make
        #[arg(default_value = "sandbox.yaml")]
        file: PathBuf,
    },
}

/// List your sandboxes that run.
#[derive(Debug, Parser)]
#[command(name = "sandbox ps")]
pub struct PsLine {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Show what a sandbox uses: each second on a terminal, else once.
#[derive(Debug, Parser)]
#[command(name = "sandbox stats")]
pub struct StatsLine {
    /// As sandbox ps lists it
    pub name: String,
    /// As JSON, an object on a line
    #[arg(long)]
    pub json: bool,
    /// Once, on a terminal too
    #[arg(long)]
    pub once: bool,
}

/// End sandboxes with all that runs in them, and wait until they are gone.
#[derive(Debug, Parser)]
#[command(name = "sandbox kill")]
pub struct KillLine {
    /// As sandbox ps lists them
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    /// Send this signal to the command instead: TERM, 15
    #[arg(long, short, value_name = "SIGNAL", value_parser = kill::signal)]
    pub signal: Option<Signal>,
}

/// Run another command in a sandbox that runs, behind the same layers.
///
/// The exit code is the command's, as that of a run.
#[derive(Debug, Parser)]
#[command(name = "sandbox enter", override_usage = "sandbox enter NAME [--timings] [-v] [-q] [-- COMMAND [ARG]…]")]
pub struct EnterLine {
    /// As sandbox ps lists it
    pub name: String,
    /// Say how long each step took, at the end, in microseconds
    #[arg(long)]
    pub timings: bool,
    /// Say more: a line at the end; twice, each step
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Say errors only
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// auto, always or never
    #[arg(long, value_name = "WHEN", value_parser = word::<Color>, default_value = "auto")]
    pub color: Color,
    /// What to run, after --; without it a shell
    #[arg(last = true, value_name = "COMMAND", hide = true)]
    pub command: Vec<OsString>,
}

/// Print what makes a shell complete this program's options.
#[derive(Debug, Parser)]
#[command(name = "sandbox completions")]
pub struct CompletionsLine {
    /// bash, zsh, fish, elvish or powershell
    pub shell: String,
}

/// The whole command line as one, for what looks at it from outside.
pub fn whole() -> Command {
    let subcommands = [
        ("run", RunLine::command()),
        ("explain", ExplainLine::command()),
        ("verify", VerifyLine::command()),
        ("ps", PsLine::command()),
        ("stats", StatsLine::command()),
        ("kill", KillLine::command()),
        ("enter", EnterLine::command()),
        ("profile", ProfileLine::command()),
        ("rootfs", RootfsLine::command()),
        ("completions", CompletionsLine::command()),
    ];
    let named = subcommands.map(|(name, command)| command.name(name).disable_version_flag(true));
    RunLine::command().disable_help_subcommand(true).subcommands(named)
}

/// When to colour messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Everything that a run, and `explain`, take.
#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub struct RunOptions {
    /// A profile: a name, or a path with a slash; repeatable, the last wins [default: default]
    #[arg(short, long, value_name = "P", action = ArgAction::Append)]
    pub profile: Vec<String>,
    /// Change to this directory first
    #[arg(short = 'C', value_name = "DIR")]
    pub directory: Option<PathBuf>,

    /// Show a path, read-only
    #[arg(long, value_name = "SRC[:AT]", help_heading = FILES)]
    pub ro: Vec<String>,
    /// Show a path, writable
    #[arg(long, value_name = "SRC[:AT]", help_heading = FILES)]
    pub rw: Vec<String>,
    /// An empty directory in memory
    #[arg(long, value_name = "DST[:SIZE]", help_heading = FILES)]
    pub tmpfs: Vec<String>,
    /// Make a path unreadable; * is allowed in its last part
    #[arg(long, value_name = "PATH", help_heading = FILES)]
    pub hide: Vec<String>,
    /// Show a socket
    #[arg(long, value_name = "SRC[:AT]", help_heading = FILES)]
    pub socket: Vec<String>,
    /// Show a device
    #[arg(long, value_name = "SRC[:AT]", help_heading = FILES)]
    pub device: Vec<String>,
    /// Leave out what a profile mounts there
    #[arg(long, value_name = "PATH", help_heading = FILES)]
    pub unset: Vec<String>,
    /// A mount as in a profile: '{ro: "/a:b", optional: true}'
    #[arg(long, value_name = "YAML", help_heading = FILES)]
    pub mount: Vec<String>,

    /// A root file system in the place of the host's system: a directory, with a slash, or the name of an imported one
    #[arg(long, value_name = "DIR/|NAME", help_heading = FILES)]
    pub root: Option<String>,
    /// What becomes of what is written to it: no, tmpfs (gone after the run) or persistent
    #[arg(long, value_name = "HOW", value_parser = word::<RootWritable>, help_heading = FILES)]
    pub root_writable: Option<RootWritable>,
    /// Room for what is written to it in memory [default: 1GiB]
    #[arg(long, value_name = "SIZE", help_heading = FILES)]
    pub root_size: Option<Size>,

    /// Working directory inside
    #[arg(long, value_name = "DIR", help_heading = INSIDE)]
    pub workdir: Option<String>,
    /// Host name inside
    #[arg(long, value_name = "NAME", help_heading = INSIDE)]
    pub hostname: Option<String>,
    /// Keep a variable (* is allowed), or set one
    #[arg(long, value_name = "NAME[=VALUE]", help_heading = INSIDE)]
    pub env: Vec<String>,
    /// Drop variables; * is allowed
    #[arg(long, value_name = "NAME", help_heading = INSIDE)]
    pub drop_env: Vec<String>,
    /// User id inside: a number or caller
    #[arg(long, value_name = "ID", help_heading = INSIDE)]
    pub uid: Option<Id>,
    /// Group id inside: a number or caller
    #[arg(long, value_name = "ID", help_heading = INSIDE)]
    pub gid: Option<Id>,
    /// The ids inside: single, or subordinate for the caller's ranges too
    #[arg(long, value_name = "MAP", value_parser = word::<IdMap>, help_heading = INSIDE)]
    pub map: Option<IdMap>,
    /// The id outside: auto, caller or a number
    #[arg(long, value_name = "ID", help_heading = INSIDE)]
    pub outside: Option<Outside>,
    /// none or host
    #[arg(long, value_name = "MODE", value_parser = word::<NetworkMode>, help_heading = INSIDE)]
    pub network: Option<NetworkMode>,

    /// Memory of the run as a whole: 512MiB
    #[arg(long, value_name = "SIZE", help_heading = LIMITS)]
    pub memory: Option<Limit<Size>>,
    /// Swap, besides the memory [default: 0 where memory is limited]
    #[arg(long, value_name = "SIZE", help_heading = LIMITS)]
    pub swap: Option<Limit<Size>>,
    /// Processors at one time: 2, 0.5
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = LIMITS)]
    pub cpus: Option<Limit<Cpus>>,
    /// Share of busy processors, 1 to 10000; the kernel's is 100
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = LIMITS)]
    pub cpu_weight: Option<Weight>,
    /// Share of busy disks, 1 to 10000; the kernel's is 100
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = LIMITS)]
    pub io_weight: Option<Weight>,
    /// Processes and threads
    #[arg(long, value_name = "N", help_heading = LIMITS)]
    pub pids: Option<Limit<u64>>,
    /// CPU time of all processes together: 2s, 500ms
    #[arg(long, value_name = "TIME", help_heading = LIMITS)]
    pub cpu_time: Option<Limit<Duration>>,
    /// From start to end: 30m, 1h30m
    #[arg(long, value_name = "TIME", help_heading = LIMITS)]
    pub wall_time: Option<Limit<Duration>>,
    /// How long a run may go on after a time limit, which it has hit all the same
    #[arg(long, value_name = "TIME", help_heading = LIMITS)]
    pub extra_time: Option<Duration>,
    /// Send TERM at the time limit, and KILL this much later
    #[arg(long, value_name = "TIME", help_heading = LIMITS)]
    pub kill_after: Option<Duration>,
    /// Bytes on stdout and stderr together
    #[arg(long, value_name = "SIZE", help_heading = LIMITS)]
    pub output: Option<Limit<Size>>,
    /// Size of a file that is written
    #[arg(long, value_name = "SIZE", help_heading = LIMITS)]
    pub file_size: Option<Limit<Size>>,
    /// Open files of a process
    #[arg(long, value_name = "N", help_heading = LIMITS)]
    pub open_files: Option<Limit<u64>>,
    /// Stack of a process
    #[arg(long, value_name = "SIZE", help_heading = LIMITS)]
    pub stack: Option<Limit<Size>>,
    /// Size of a core dump
    #[arg(long, value_name = "SIZE", help_heading = LIMITS)]
    pub core: Option<Limit<Size>>,
    /// Address space of a process
    #[arg(long, value_name = "SIZE", help_heading = LIMITS)]
    pub address_space: Option<Limit<Size>>,
    /// Locked memory of a process
    #[arg(long, value_name = "SIZE", help_heading = LIMITS)]
    pub locked_memory: Option<Limit<Size>>,

    /// Open up userns, ptrace, io_uring, perf, keyring, numa, personality or set_id_bits
    #[arg(long, value_name = "NAME[=false]", help_heading = LAYERS)]
    pub feature: Vec<String>,
    /// System call filter: default, strict or off
    #[arg(long, value_name = "POLICY", value_parser = word::<SeccompPolicy>, help_heading = LAYERS)]
    pub seccomp: Option<SeccompPolicy>,
    /// What a refused call does: errno or kill
    #[arg(long, value_name = "ACTION", value_parser = word::<OnDeny>, help_heading = LAYERS)]
    pub seccomp_on_deny: Option<OnDeny>,
    /// Allow a system call
    #[arg(long, value_name = "CALL", help_heading = LAYERS)]
    pub seccomp_allow: Vec<String>,
    /// Refuse a system call
    #[arg(long, value_name = "CALL", help_heading = LAYERS)]
    pub seccomp_deny: Vec<String>,
    /// require, prefer or off
    #[arg(long, value_name = "MODE", value_parser = word::<Enforcement>, help_heading = LAYERS)]
    pub landlock: Option<Enforcement>,
    /// The least version of Landlock that will do
    #[arg(long, value_name = "N", help_heading = LAYERS)]
    pub landlock_min_abi: Option<u32>,
    /// require, prefer or off
    #[arg(long, value_name = "MODE", value_parser = word::<Enforcement>, help_heading = LAYERS)]
    pub cgroup: Option<Enforcement>,
    /// Keep a capability: CAP_NET_BIND_SERVICE
    #[arg(long, value_name = "CAP", help_heading = LAYERS)]
    pub capability: Vec<String>,
    /// Hand an open descriptor to the command
    #[arg(long, value_name = "N", help_heading = LAYERS)]
    pub pass_fd: Vec<i32>,
    /// How the command's bytes reach the terminal: raw, or safe: only what can do no more than show
    #[arg(long, value_name = "MODE", value_parser = word::<TerminalMode>, help_heading = LAYERS)]
    pub terminal: Option<TerminalMode>,

    /// Read stdin from a file
    #[arg(long, value_name = "FILE", help_heading = OUTSIDE)]
    pub stdin: Option<PathBuf>,
    /// Write stdout to a file
    #[arg(long, value_name = "FILE", help_heading = OUTSIDE)]
    pub stdout: Option<PathBuf>,
    /// Write stderr to a file
    #[arg(long, value_name = "FILE", help_heading = OUTSIDE)]
    pub stderr: Option<PathBuf>,
    /// Write a report
    #[arg(long, value_name = "FILE|fd:N", value_parser = report, help_heading = OUTSIDE)]
    pub report: Option<ReportTarget>,
    /// How the report is written: json, or isolate for its meta-file [default: json]
    #[arg(long, value_name = "FORMAT", value_parser = word::<ReportFormat>, help_heading = OUTSIDE)]
    pub report_format: Option<ReportFormat>,
    /// Exit with N when the run ends with this status
    #[arg(long, value_name = "STATUS=N", value_parser = exit_code, help_heading = OUTSIDE)]
    pub exit_code: Vec<(Status, u8)>,
    /// A name, to find the run by, and for the report [default: made up]
    #[arg(long, value_name = "NAME", help_heading = OUTSIDE)]
    pub name: Option<String>,
    /// Say how long each step took, at the end, in microseconds
    #[arg(long, help_heading = OUTSIDE)]
    pub timings: bool,
    /// Say more: a line at start and end; twice, each step
    #[arg(short, long, action = ArgAction::Count, help_heading = OUTSIDE)]
    pub verbose: u8,
    /// Say errors only
    #[arg(short, long, conflicts_with = "verbose", help_heading = OUTSIDE)]
    pub quiet: bool,
    /// auto, always or never
    #[arg(long, value_name = "WHEN", value_parser = word::<Color>, default_value = "auto", help_heading = OUTSIDE)]
    pub color: Color,

    /// What to run, after --
    #[arg(last = true, value_name = "COMMAND", hide = true)]
    pub command: Vec<OsString>,
}

const FILES: &str = "Files inside";
const INSIDE: &str = "The world inside";
const LIMITS: &str = "Limits";
const LAYERS: &str = "Layers";
const OUTSIDE: &str = "Outside";

/// A word of a closed set, by the same serde type that reads it in a profile.
pub(super) fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let text: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
    T::deserialize(text).map_err(|error| known(&error.to_string()))
}

/// `unknown value "x". Did you mean "y"?`
fn known(error: &str) -> String {
    wording::unknown(error, "unknown variant ", "unknown value").map_or(error.into(), |(_, error)| error.to_string())
}

fn report(text: &str) -> Result<ReportTarget, String> {
    match text.strip_prefix("fd:") {
        Some(number) => match number.parse() {
            Ok(fd) if fd >= 0 => Ok(ReportTarget::Fd(fd)),
            _ => Err("not a descriptor, write fd:3, or ./fd:… for a file".into()),
        },
        None if text == "-" => Err("stdout is the command's, write fd:1 to share it, or ./- for a file".into()),
        None => Ok(ReportTarget::File(text.into())),
    }
}

fn exit_code(text: &str) -> Result<(Status, u8), String> {
    let (status, code) = text.split_once('=').ok_or("write STATUS=N, as in setup-failed=255")?;
    Ok((word(status)?, code.parse().map_err(|_| "an exit code is 0 to 255")?))
}
