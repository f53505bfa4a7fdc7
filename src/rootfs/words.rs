//! What the half inside says to the half outside: a JSON object on each line.
//!
//! Inside, an archive that nobody trusts was read: every byte that comes is untrusted, bounded, and shown to nobody unescaped.

use super::unpack::{Failure, Summary};
use crate::visible;
use serde::{Deserialize, Serialize};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Word {
    /// How far it has come, in bytes.
    Progress(u64),
    /// It is done; the last word.
    Done(Summary),
    /// Nothing comes of it; the last word.
    Failed(Failure),
}

/// Bytes of the longest line.
pub const LONGEST: usize = 64 << 10;
/// Characters of a text in it.
const MOST_TEXT: usize = 4096;
/// Kinds of things that were left out.
const MOST_KINDS: usize = 64;

impl Word {
    /// As a line.
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    /// From a line without its end; none if it is anything else.
    pub fn read(line: &[u8]) -> Option<Word> {
        let word: Word = serde_json::from_slice(line).ok()?;
        Some(match word {
            Word::Progress(_) => word,
            Word::Done(summary) => {
                let kinds = summary.left_out.into_iter().take(MOST_KINDS);
                Word::Done(Summary {
                    left_out: kinds.map(|(kind, count)| (harmless(&kind), count)).collect(),
                    ..summary
                })
            }
            Word::Failed(Failure { reason, remedy }) => {
                Word::Failed(Failure { reason: harmless(&reason), remedy: harmless(&remedy) })
            }
        })
    }
}

fn harmless(text: &str) -> String {
    visible::line(text).chars().take(MOST_TEXT).collect()
}

/// Bytes as they come → words.
#[derive(Debug, Default)]
pub struct Words {
    rest: Vec<u8>,
}

impl Words {
    /// What is whole by now; none if something came that is no word.
    pub fn feed(&mut self, bytes: &[u8]) -> Option<Vec<Word>> {
        let mut words = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(part);
            if self.rest.len() > LONGEST {
                return None;
            }
            if let Some(line) = self.rest.strip_suffix(b"\n") {
                words.push(Word::read(line)?);
                self.rest.clear();
            }
        }
        Some(words)
    }

    /// Nothing is left of a line that was never ended.
    pub fn is_whole(&self) -> bool {
        self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> Vec<Word> {
        let summary = Summary { entries: 1, bytes: 2, left_out: vec![("sockets".into(), 3)] };
        let failure = Failure { reason: "no".into(), remedy: String::new() };
        vec![Word::Progress(u64::MAX), Word::Done(summary), Word::Failed(failure)]
    }

    #[test]
    fn what_is_said_is_heard_however_it_is_cut() {
        let text: String = said().iter().map(Word::line).collect();
        for size in [1, 2, 7, text.len()] {
            let mut words = Words::default();
            let heard: Vec<Word> = text.as_bytes().chunks(size).flat_map(|bytes| words.feed(bytes).unwrap()).collect();
            assert_eq!(heard, said());
            assert!(words.is_whole());
        }
    }

    #[test]
    fn anything_else_is_no_word() {
        for line in
            ["", "{}", "null", "{\"progress\":-1}", "{\"progress\":1,\"done\":{}}", "{\"Progress\":1}", "\u{1b}"]
        {
            assert_eq!(Word::read(line.as_bytes()), None, "{line}");
        }
        assert_eq!(Word::read(b"{\"progress\":\xff}"), None);
        assert_eq!(Words::default().feed(&[b'['; LONGEST + 1]), None);
    }

    #[test]
    fn a_text_can_neither_steer_a_terminal_nor_be_endless() {
        let nasty = format!("\u{1b}[2J\nsandbox: well\u{202e}{}", "x".repeat(9000));
        let line = Word::Failed(Failure { reason: nasty.clone(), remedy: nasty.clone() }).line();
        let Some(Word::Failed(failure)) = Word::read(line.trim_end().as_bytes()) else { panic!() };
        assert!(
            failure.reason.starts_with("\\u{1b}[2J\\nsandbox: well\\u{202e}xxx") && failure.reason.len() <= MOST_TEXT
        );
        let left_out = (0..1000).map(|number| (format!("{number}\u{9b}"), 1)).collect();
        let line = Word::Done(Summary { left_out, ..Summary::default() }).line();
        let Some(Word::Done(summary)) = Word::read(line.trim_end().as_bytes()) else { panic!() };
        assert_eq!(summary.left_out.len(), MOST_KINDS);
        assert_eq!(summary.left_out[0].0, "0\\u{9b}");
    }
}
