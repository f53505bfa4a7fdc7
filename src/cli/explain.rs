//! tmp
use super::{args::Run, say};
pub fn explain(run: Run, json: bool) -> u8 {
    say::start(say::Verbosity::default());
    match super::run::plan(run) {
        Ok(p) => {
            println!("{p:#?} {json}");
            0
        }
        Err(e) => say::error(&e),
    }
}
