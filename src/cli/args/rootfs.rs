//! The command line of `sandbox rootfs`, as clap reads it; its comments are the help.

use super::options::{Color, word};
use crate::profile::units::Size;
use crate::rootfs::record::Map;
use clap::{ArgAction, Args, Parser, Subcommand};
use std::path::PathBuf;

/// Root file systems of their own, for --root.
#[derive(Debug, Parser)]
#[command(name = "sandbox rootfs", disable_help_subcommand = true)]
pub struct RootfsLine {
    #[command(subcommand)]
    pub subcommand: RootfsSubcommand,
}

#[derive(Debug, Subcommand)]
pub enum RootfsSubcommand {
    /// Unpack a tar archive or an image, inside a sandbox of its own
    Import {
        #[command(flatten)]
        options: ImportOptions,
        #[command(flatten)]
        noise: Noise,
    },
    /// Print the roots that were imported
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        noise: Noise,
    },
    /// Delete roots that no run uses
    Remove {
        /// Their names
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        #[command(flatten)]
        noise: Noise,
    },
    /// Write a root as a tar archive
    Export {
        /// Its name
        name: String,
        /// The file to write; - is stdout [default: -]
        file: Option<PathBuf>,
        #[command(flatten)]
        noise: Noise,
    },
}

/// What is imported, and how.
#[derive(Debug, Args)]
pub struct ImportOptions {
    /// A tar archive, an image, or the directory of one; - is stdin
    #[arg(value_name = "FILE|DIR")]
    pub source: PathBuf,
    /// What it is to be called
    #[arg(long)]
    pub name: String,
    /// The most bytes that its files may have together
    #[arg(long, value_name = "SIZE", default_value = "16GiB")]
    pub max_size: Size,
    /// The most files, directories and links
    #[arg(long, value_name = "N", default_value = "1000000")]
    pub max_files: u64,
    /// Whose the files are: all the caller's (single), or as in the archive, by the caller's ranges of ids (subordinate)
    #[arg(long, value_name = "MAP", value_parser = word::<Map>, default_value = "single")]
    pub map: Map,
}

/// How much is said.
#[derive(Debug, Args)]
pub struct Noise {
    /// Say more; twice, each step
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Say errors only
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// auto, always or never
    #[arg(long, value_name = "WHEN", value_parser = word::<Color>, default_value = "auto")]
    pub color: Color,
}
