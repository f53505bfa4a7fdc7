//! The profiles that are compiled in; each is a page that a user can copy and change.

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

#[cfg(test)]
mod tests;
