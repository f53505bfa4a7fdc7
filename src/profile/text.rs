//! Text → [`Layer`]: one profile, checked by itself.

use super::events::{self, Index, Position};
use super::{Layer, Origin, builtin, check, schema::Profile, wording};
use crate::error::Error;
use serde_yaml::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// No profile is larger; whatever is, was not meant to be read as one.
pub const MAX_BYTES: usize = 1 << 20;

/// Reads one profile. `source` is what messages call it; `dir` is its `${PROFILE_DIR}`.
///
/// # Errors
/// Every one that could be found, in the order of the text; never an empty list.
pub fn parse(bytes: &[u8], source: &str, dir: Option<&Path>) -> Result<Layer, Vec<Error>> {
    let at = |position: Position, key: &str| Origin {
        source: source.into(),
        position: Some(position),
        key: key.into(),
        profile_dir: dir.map(Path::to_path_buf),
        is_flag: false,
    };
    let whole = |message: &str| vec![Error::profile(message).origin(&at((1, 1), ""))];
    if bytes.len() > MAX_BYTES {
        return Err(whole("larger than 1 MiB, the most that a profile may be"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| whole("not UTF-8 text"))?;
    let index = events::index(text, &at);
    if let Some(error) = newer(&index, &at) {
        return Err(vec![error]);
    }
    if !index.errors.is_empty() {
        return Err(index.errors);
    }
    if index.places.is_empty() {
        return Err(whole("empty: write at least \"extends: [default]\""));
    }
    let profile: Profile =
        serde_yaml::from_str(text).map_err(|error| vec![wording::reword(&error, text, &index, &at)])?;
    let origins: BTreeMap<_, _> =
        index.places.into_iter().map(|(path, place)| (path.clone(), at(place.key, &path))).collect();
    let layer = Layer { profile, origins, source: None };
    let errors = check::check(&layer);
    if errors.is_empty() { Ok(layer) } else { Err(errors) }
}

/// Reads a built-in: the tests put each through [`parse`], so that a run need not, and where an entry stands is looked
/// up when somebody asks ([`Origin::position`]).
///
/// # Errors
/// Those of [`parse`].
pub fn built_in(bytes: &[u8], name: &str) -> Result<Layer, Vec<Error>> {
    match builtin::profile(name) {
        Some(profile) => Ok(Layer { profile, ..Layer::default() }),
        None => parse(bytes, name, None),
    }
}

/// The version comes first: a newer profile's unknown keys are no typos.
fn newer(index: &Index, at: &dyn Fn(Position, &str) -> Origin) -> Option<Error> {
    let place = index.places.get("version")?;
    let (version, _) = place.scalar.as_ref()?;
    let newer = version.parse::<u64>().is_ok_and(|version| version != 1);
    let error = Error::profile(format!("version {version} is written for a newer sandbox"));
    newer.then(|| error.origin(&at(place.value, "")).remedy("This one reads version 1"))
}

/// A profile as YAML that reads back as the same: what is not set, or empty, is left out.
///
/// # Errors
/// Those of serde.
pub fn write(profile: &Profile) -> Result<String, serde_yaml::Error> {
    serde_yaml::to_string(&without_empty(serde_yaml::to_value(profile)?))
}

/// An empty `command` is not the same as none: it takes back the one of a profile below.
fn without_empty(value: Value) -> Value {
    let said = |key: &Value, value: &Value| match value {
        Value::Null => false,
        Value::Mapping(map) => !map.is_empty(),
        Value::Sequence(items) => !items.is_empty() || key == "command",
        _ => true,
    };
    match value {
        Value::Mapping(map) => {
            let entries = map.into_iter().map(|(key, value)| (key, without_empty(value)));
            Value::Mapping(entries.filter(|(key, value)| said(key, value)).collect())
        }
        Value::Sequence(items) => Value::Sequence(items.into_iter().map(without_empty).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
