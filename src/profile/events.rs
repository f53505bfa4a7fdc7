//! The first pass over a profile's text: where every entry is, and what YAML can say that a profile may not.

use super::units::{Cpus, Limit};
use super::{Origin, later};
use crate::error::Error;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Flat by design: `mounts[2].rw` is three levels.
const MAX_DEPTH: usize = 8;

/// Line and column, both counted from 1.
pub type Position = (usize, usize);

/// An entry of the text.
#[derive(Debug, Clone)]
pub struct Place {
    /// Of its key, or of the item in a list.
    pub key: Position,
    /// Of its value.
    pub value: Position,
    /// The text of a scalar, and whether it is without quotes.
    pub scalar: Option<(String, bool)>,
}

/// Every entry of a profile by its path: `limits.pids`, `mounts[2].rw`.
#[derive(Debug, Default)]
pub struct Index {
    /// By path; the document itself is `""`.
    pub places: BTreeMap<String, Place>,
    /// What is wrong, in the order of the text.
    pub errors: Vec<Error>,
}

/// A collection that is open, and what was read of it.
enum Open {
    Map { path: String, key: Option<(String, Position)> },
    Seq { path: String, next: usize },
}

/// One pass over the events; it goes on after an error where that is possible, so that `check` can show them all.
pub fn index(text: &str, at: &dyn Fn(Position, &str) -> Origin) -> Index {
    let mut pass = Pass { index: Index::default(), open: Vec::new(), documents: 0, at };
    for event in Parser::new_from_str(text) {
        let step = match event {
            Ok((event, span)) => pass.event(event, span),
            Err(error) => {
                let position = (error.marker().line(), error.marker().col() + 1);
                Err(syntax(text, position, error.info(), at))
            }
        };
        if let Err(error) = step {
            pass.index.errors.push(error);
            break;
        }
    }
    pass.index
}

/// A syntax error; `${` and `*` mean something to YAML, which is the usual reason.
pub fn syntax(text: &str, position: Position, what: &str, at: &dyn Fn(Position, &str) -> Origin) -> Error {
    let line = text.lines().nth(position.0.saturating_sub(1)).unwrap_or_default();
    let error = Error::profile(format!("not valid YAML: {what}")).origin(&at(position, ""));
    match ["${", "*"].into_iter().find(|sign| line.contains(sign)) {
        Some(sign) => error.remedy(format!("Put the value with {sign} in quotes: \"{sign}…\"")),
        None => error,
    }
}

struct Pass<'a> {
    index: Index,
    open: Vec<Open>,
    documents: usize,
    at: &'a dyn Fn(Position, &str) -> Origin,
}

impl Pass<'_> {
    /// `Err` ends the pass; what it can go on after is pushed.
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Error> {
        let position = (span.start.line(), span.start.col() + 1);
        match event {
            Event::DocumentStart(_) if self.documents > 0 => {
                return Err(self
                    .error(position, "", "a second document: a profile is one")
                    .remedy("Remove the line ---"));
            }
            Event::DocumentStart(_) => self.documents += 1,
            Event::Alias(_) => {
                let error = self.error(position, "", "* begins an alias, which a profile may not have");
                return Err(error.remedy("Put a value that begins with * in quotes"));
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_properties(position, anchor, tag.is_some());
                self.scalar(text, style == ScalarStyle::Plain, position);
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_properties(position, anchor, tag.is_some());
                let path = self.begin(position)?;
                self.open.push(Open::Seq { path, next: 0 });
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_properties(position, anchor, tag.is_some());
                let path = self.begin(position)?;
                self.open.push(Open::Map { path, key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.open.pop();
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    /// A collection as a value; as a key it has no name.
    fn begin(&mut self, position: Position) -> Result<String, Error> {
        if self.open.len() == MAX_DEPTH {
            return Err(self.error(position, "", "nested too deeply for a profile"));
        }
        if let Some(Open::Map { key: None, .. }) = self.open.last() {
            let error = self.error(position, "", "a key must be a word");
            return Err(error.remedy("Put a value with ${ in quotes: \"${…}\""));
        }
        Ok(self.value(position, None))
    }

    fn scalar(&mut self, text: Cow<'_, str>, plain: bool, position: Position) {
        if let Some(Open::Map { path, key: key @ None }) = self.open.last_mut() {
            let child = if path.is_empty() { text.to_string() } else { format!("{path}.{text}") };
            *key = Some((child.clone(), position));
            if plain && text == "<<" {
                let error = self.error(position, "", "<< merges mappings, which a profile may not");
                self.index
                    .errors
                    .push(error.remedy("Put what is shared in a profile of its own, and name it in extends"));
            } else if let Some(first) = self.index.places.get(&child) {
                let message = format!("{child:?} is given twice, first in line {}", first.key.0);
                let error = self.error(position, "", message);
                self.index.errors.push(error.remedy("Keep one of the two"));
            }
            return;
        }
        let null = plain && ["", "~", "null", "Null", "NULL"].contains(&&*text);
        let path = self.value(position, Some((text.to_string(), plain)));
        if null {
            let place = &self.index.places[&path];
            let error =
                self.error(place.key, &path, if text == "~" { "~ is YAML's null" } else { "there is no value" });
            let remedy = if text == "~" { "For your home write ${HOME}" } else { "Give it one, or remove the line" };
            self.index.errors.push(error.remedy(remedy));
        } else if let Some(why) = text.parse::<Limit<Cpus>>().err().filter(|_| plain && path == "limits.cpus") {
            // As written: 1e3, .inf and 0x2 are numbers to YAML too.
            let error = self.error(position, &path, format!("{text:?}: {why}"));
            self.index.errors.push(error);
        }
    }

    /// Notes a value under the path it has, and refuses what later versions bring.
    fn value(&mut self, position: Position, scalar: Option<(String, bool)>) -> String {
        let (path, key) = match self.open.last_mut() {
            None => (String::new(), position),
            Some(Open::Seq { path, next }) => {
                *next += 1;
                (format!("{path}[{}]", *next - 1), position)
            }
            Some(Open::Map { key, .. }) => key.take().unwrap_or((String::new(), position)),
        };
        if let Some(known) = later::KEYS.iter().find(|known| known.key == path) {
            let error = self.error(key, "", format!("{path} {}", known.why));
            self.index.errors.push(error.remedy("Remove the line"));
        }
        // A bare 0755 is text to one YAML reader and a decimal number to the next.
        if let Some((mode, true)) = &scalar
            && path.starts_with("mounts[")
            && path.ends_with("].mode")
        {
            let error = self.error(position, &path, "a mode is octal text");
            self.index.errors.push(error.remedy(format!("Put it in quotes: \"{mode}\"")));
        }
        self.index.places.insert(path.clone(), Place { key, value: position, scalar });
        path
    }

    fn refuse_properties(&mut self, position: Position, anchor: usize, tagged: bool) {
        for (there, sign, name) in [(anchor > 0, '&', "an anchor"), (tagged, '!', "a tag")] {
            if there {
                let error = self.error(position, "", format!("{sign} begins {name}, which a profile may not have"));
                self.index.errors.push(error.remedy(format!("Put a value that begins with {sign} in quotes")));
            }
        }
    }

    fn error(&self, position: Position, key: &str, message: impl Into<String>) -> Error {
        Error::profile(message).origin(&(self.at)(position, key))
    }
}
