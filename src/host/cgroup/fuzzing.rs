//! Doors for `fuzz/`: the kernel's files about cgroups, and what the service manager says.

use super::helper::{Answer, LONGEST};
use super::{files, hierarchy, scope};
use std::path::{Path, PathBuf};
use zbus::Message;
use zbus::message::Type;

/// /proc/PID/cgroup, below what is mounted.
pub fn place(cgroups: &str, shows: &Path) -> Option<PathBuf> {
    hierarchy::place(cgroups, shows)
}

/// A "flat keyed" file: memory.events, cpu.stat.
pub fn key_of(text: &str, key: &str) -> Option<u64> {
    files::key_of(text, key)
}

/// The helper's answer: the cgroup, or the reason why there is none.
pub fn answer(bytes: &[u8]) -> Result<String, String> {
    scope::read(Answer::decode(bytes)).map_err(|lack| lack.reason)
}

/// What the helper answers if this is the end of its job, or the reply to its question; nothing if the job is done.
pub fn told(message: Message) -> Option<Vec<u8>> {
    let is_error = message.message_type() == Type::Error;
    let result = if is_error { Err(message.into()) } else { scope::job_result(&message) };
    let text = scope::obstacle(result).map(|answer| answer.encode());
    assert!(text.as_ref().is_none_or(|text| text.len() <= LONGEST));
    text
}
