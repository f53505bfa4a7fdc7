//! `sandbox`: parse, dispatch, exit code.

use sandbox::cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(cli::main(std::env::args_os()))
}
