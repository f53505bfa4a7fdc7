//! The profiles that are compiled in; each is a page that a user can copy and change.

use super::Origin;
use super::events::{self, Place, Position};
use super::schema::Profile;
use std::collections::BTreeMap;
use std::sync::OnceLock;

macro_rules! built_in {
    ($($name:literal),*) => {
        /// Name and text, in the order of the list.
        pub const BUILT_IN: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../profiles/", $name, ".yaml")))),*];

        /// The same as JSON, made by build.rs.
        const JSON: &[(&str, &str)] = &[$(($name, include_str!(concat!(env!("OUT_DIR"), "/", $name, ".json")))),*];

        /// The digest of each text, made there too.
        const SHA256: &[(&str, &str)] = &[$(($name, include_str!(concat!(env!("OUT_DIR"), "/", $name, ".sha256")))),*];
    };
}
built_in!("default", "build", "test", "rust", "python", "node", "agent", "shell", "strict", "container");

/// The text of a built-in.
pub fn text(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// What a built-in says; the tests compare it with the text.
pub fn profile(name: &str) -> Option<Profile> {
    let (_, json) = JSON.iter().find(|(known, _)| *known == name)?;
    serde_json::from_str(json).ok()
}

/// SHA-256 of the text, lower-case hexadecimal.
pub fn sha256(name: &str) -> Option<&'static str> {
    SHA256.iter().find(|(known, _)| *known == name).map(|(_, digest)| *digest)
}

/// Where an entry of a built-in stands: indexed when first asked, for most runs never show it.
pub fn position(name: &str, key: &str) -> Option<Position> {
    static PLACES: [OnceLock<BTreeMap<String, Place>>; BUILT_IN.len()] = [const { OnceLock::new() }; BUILT_IN.len()];
    let number = BUILT_IN.iter().position(|(known, _)| *known == name)?;
    let index = || events::index(BUILT_IN[number].1, &|_, _| Origin::default()).places;
    Some(PLACES[number].get_or_init(index).get(key)?.key)
}

#[cfg(test)]
mod tests;
