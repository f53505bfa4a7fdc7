//! `sandbox completions SHELL`: the script that a shell reads.

use super::args::whole;
use crate::error::Error;
use clap_complete::Shell;
use std::str::FromStr;

/// The script, for `source <(sandbox completions bash)` and the like.
///
/// # Errors
/// There is none for this shell.
pub fn completions(shell: &str) -> Result<String, Error> {
    let shell = Shell::from_str(shell).map_err(|_| {
        Error::usage(format!("no completions for the shell {shell:?}"))
            .remedy("There are some for bash, zsh, fish, elvish and powershell")
    })?;
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut whole(), "sandbox", &mut script);
    Ok(String::from_utf8_lossy(&script).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_completes_every_subcommand_and_the_options_of_each() {
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let script = completions(shell).unwrap();
            let subcommands =
                ["ps", "stats", "kill", "enter", "explain", "verify", "profile", "rootfs", "completions", "run"];
            let of_them = ["list", "show", "check", "diff", "init", "import", "remove", "export"];
            for word in subcommands.into_iter().chain(of_them) {
                assert!(script.contains(word), "{shell}: {word}");
            }
            for flag in ["wall-time", "json", "report-format", "without-sandbox", "max-size", "signal", "once"] {
                assert!(script.contains(flag), "{shell}: --{flag}");
            }
        }
    }

    #[test]
    fn what_completes_is_what_is_read() {
        whole().debug_assert();
    }

    #[test]
    fn an_unknown_shell_is_told_the_known_ones() {
        insta::assert_snapshot!(completions("tcsh").unwrap_err(), @r#"no completions for the shell "tcsh". There are some for bash, zsh, fish, elvish and powershell"#);
    }
}
