//! The profiles that are compiled in; each is a page that a user can copy and change.

use super::Origin;
use super::events::{self, Place, Position};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Name and text, in the order of the list.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("default", include_str!("../../profiles/default.yaml")),
    ("build", include_str!("../../profiles/build.yaml")),
    ("test", include_str!("../../profiles/test.yaml")),
    ("rust", include_str!("../../profiles/rust.yaml")),
    ("python", include_str!("../../profiles/python.yaml")),
    ("node", include_str!("../../profiles/node.yaml")),
    ("agent", include_str!("../../profiles/agent.yaml")),
    ("shell", include_str!("../../profiles/shell.yaml")),
    ("strict", include_str!("../../profiles/strict.yaml")),
];

/// The text of a built-in.
pub fn text(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Where an entry of a built-in stands: indexed when first asked, for most runs never show it.
pub fn position(name: &str, key: &str) -> Option<Position> {
    static PLACES: LazyLock<BTreeMap<&str, BTreeMap<String, Place>>> = LazyLock::new(|| {
        let places = |text| events::index(text, &|_, _| Origin::default()).places;
        BUILT_IN.iter().map(|(name, text)| (*name, places(text))).collect()
    });
    text(name)?;
    Some(PLACES.get(name)?.get(key)?.key)
}

#[cfg(test)]
mod tests;
