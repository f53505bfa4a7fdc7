//! What a user types and reads: a file per subcommand.

pub mod args;
pub mod profile;
