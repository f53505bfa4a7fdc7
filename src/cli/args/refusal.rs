//! What is not understood: clap's errors as one sentence and a remedy.

use crate::error::Error;
use crate::profile::{later, wording::nearest};
use clap::Command;
use clap::error::{ContextKind, ErrorKind};

const SUBCOMMANDS: [&str; 10] =
    ["run", "explain", "verify", "ps", "stats", "kill", "enter", "profile", "rootfs", "completions"];

/// Subcommands and flags without a key that the reference names and this version does not have.
const LATER: &[&str] = &["doctor", "learn", "batch", "--collect"];

/// A word where an option or a subcommand was expected: most often the command, without `--`.
pub fn bare_word(word: &str) -> Error {
    if let Some(error) = later(word) {
        return error;
    }
    if SUBCOMMANDS.contains(&word) {
        return Error::usage(format!("{word} comes after an option"))
            .remedy(format!("Put options after the subcommand: sandbox {word} [OPTIONS]"));
    }
    let error = Error::usage(format!("{word:?} is neither an option nor a subcommand"));
    match nearest(word, SUBCOMMANDS.into_iter()) {
        Some(near) => {
            error.remedy(format!("Did you mean {near:?}? If it is the command, put -- before it: sandbox -- {word}"))
        }
        None => error.remedy(format!("Put -- before the command: sandbox -- {word}")),
    }
}

/// clap's error in our words; `command` knows the flags.
pub fn reword(error: &clap::Error, command: &Command) -> Error {
    let context = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let arg = context(ContextKind::InvalidArg);
    // "--pids <N>" → "--pids"
    let flag = arg.split([' ', '=']).next().unwrap_or_default().trim_end_matches("...");
    match error.kind() {
        ErrorKind::UnknownArgument if !flag.starts_with('-') => match command.get_name() {
            "sandbox enter" => Error::usage(format!("{flag:?} comes without --"))
                .remedy(format!("Put -- before the command: sandbox enter NAME -- {flag}")),
            "sandbox rootfs" => Error::usage(format!("{flag:?} is one word too many"))
                .remedy("A name is given with --name: sandbox rootfs import FILE --name NAME"),
            _ => bare_word(flag),
        },
        ErrorKind::UnknownArgument => later(flag).unwrap_or_else(|| unknown(flag, command)),
        ErrorKind::InvalidSubcommand => {
            let word = context(ContextKind::InvalidSubcommand);
            later(&word)
                .unwrap_or_else(|| Error::usage(format!("unknown subcommand {word:?}")).remedy(subcommands(command)))
        }
        ErrorKind::ValueValidation => {
            let value = context(ContextKind::InvalidValue);
            let why = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            Error::usage(format!("{flag} {value}: {why}"))
        }
        ErrorKind::InvalidValue => Error::usage(format!("{flag} needs a value")),
        ErrorKind::InvalidUtf8 => Error::usage("an option is not UTF-8 text")
            .remedy("Only the command after -- and the names of files that are opened outside may be anything"),
        ErrorKind::ArgumentConflict => Error::usage(format!(
            "{flag} and {} exclude each other",
            context(ContextKind::PriorArg).trim_end_matches("...")
        )),
        ErrorKind::MissingRequiredArgument => Error::usage(format!("{flag} is missing")).remedy("See sandbox --help"),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Error::usage("a subcommand is missing").remedy(subcommands(command))
        }
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            Error::usage(first.trim_start_matches("error: ")).remedy("See sandbox --help")
        }
    }
}

fn subcommands(command: &Command) -> String {
    let known: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    format!("Known here: {}", known.join(", "))
}

fn later(word: &str) -> Option<Error> {
    let known = later::KEYS.iter().find(|known| known.flag == word).map(|known| known.why);
    let why = known.or(LATER.contains(&word).then_some("is not in this version yet"))?;
    Some(Error::usage(format!("{word} {why}")).remedy("Remove it"))
}

fn unknown(flag: &str, command: &Command) -> Error {
    let known: Vec<String> =
        command.get_arguments().filter_map(|arg| arg.get_long()).map(|long| format!("--{long}")).collect();
    let error = Error::usage(format!("unknown option {flag:?}"));
    match nearest(flag, known.iter().map(String::as_str)) {
        Some(near) => error.remedy(format!("Did you mean {near:?}?")),
        None => error.remedy("See sandbox --help"),
    }
}
