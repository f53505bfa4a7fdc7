//! serde's errors in the words of a profile: the place by path, the nearest known word.

use super::Origin;
use super::events::{Index, Position, syntax};
use crate::error::Error;

/// The phrases serde's derived code and our own types begin their messages with.
const PHRASES: [&str; 7] = [
    "unknown field ",
    "unknown variant ",
    "invalid type: ",
    "invalid value: ",
    "invalid length ",
    "duplicate field ",
    "missing field ",
];

/// Turns an error of the typed pass into one with the line and column of the key or value concerned.
pub fn reword(error: &serde_yaml::Error, text: &str, index: &Index, at: &dyn Fn(Position, &str) -> Origin) -> Error {
    let full = error.to_string();
    let position = error.location().map_or((1, 1), |place| (place.line(), place.column()));
    let Some(start) = PHRASES.iter().filter_map(|phrase| full.find(phrase)).min() else {
        return syntax(text, position, &full, at);
    };
    let path = full[..start].trim_end_matches(": ");
    let suffix = format!(" at line {} column {}", position.0, position.1);
    let what = full[start..].strip_suffix(&suffix).unwrap_or(&full[start..]);

    if let Some((word, error)) = unknown(what, "unknown field ", "unknown key") {
        let child = if path.is_empty() { word.to_string() } else { format!("{path}.{word}") };
        return error.origin(&at(index.places.get(&child).map_or(position, |place| place.key), ""));
    }
    let place = index.places.get(path).map_or(position, |place| place.value);
    if let Some((_, error)) = unknown(what, "unknown variant ", "unknown value") {
        return error.origin(&at(place, path));
    }
    let error = match what.strip_prefix("invalid value: ").or(what.strip_prefix("invalid type: ")) {
        Some(wrong) => Error::profile(plain(wrong)),
        None => Error::profile(what),
    };
    error.origin(&at(place, path))
}

/// `map, expected a string` → `a mapping where the profile needs text`
fn plain(wrong: &str) -> String {
    let Some((found, needed)) = wrong.split_once(", expected ") else { return wrong.into() };
    let found = match found {
        "map" => "a mapping".into(),
        "sequence" => "a list".into(),
        other => other.replacen("string", "the text", 1).replace('`', ""),
    };
    let needed = match needed {
        "a sequence" => "a list",
        "a string" => "text",
        "u32" | "u64" | "i32" => "a whole number that fits",
        other => other,
    };
    format!("{found} where the profile needs {needed}")
}

/// serde's "unknown `word`, expected one of `this`, `that`": the word, and an error with the nearest, else with all.
pub fn unknown<'a>(what: &'a str, phrase: &str, noun: &str) -> Option<(&'a str, Error)> {
    let words: Vec<&str> = what.strip_prefix(phrase)?.split('`').skip(1).step_by(2).collect();
    let (word, known) = words.split_first()?;
    let error = Error::profile(format!("{noun} {word:?}"));
    let error = match nearest(word, known.iter().copied()) {
        Some(near) => error.remedy(format!("Did you mean {near:?}?")),
        None => error.remedy(format!("Known here: {}", known.join(", "))),
    };
    Some((word, error))
}

/// The known word that was probably meant, if any is near enough.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
