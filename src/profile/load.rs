//! From names to one [`Merged`]: find, read, extend, merge.

use super::{Found, Layer, Merged, Origin, Shelves, Source, builtin, text};
use crate::error::Error;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// The profile of a run without `--profile`.
const DEFAULT: &str = "default";

/// Every profile named (`default` if none is), what they extend, and the flags on top.
///
/// # Errors
/// A profile is not found, or wrong, or extends itself.
pub fn load(names: &[String], flags: Option<Layer>) -> Result<Merged, Error> {
    Shelves::from_environment().load(names, flags)
}

impl Shelves {
    /// As [`load`], from these directories.
    ///
    /// # Errors
    /// The first of those that [`Shelves::layers`] finds.
    pub fn load(&self, names: &[String], flags: Option<Layer>) -> Result<Merged, Error> {
        let default = [DEFAULT.to_string()];
        let names = if names.is_empty() { &default } else { names };
        let layers = self.layers(names).map_err(|mut errors| errors.swap_remove(0))?;
        Ok(layers.iter().chain(&flags).map(Merged::from).fold(Merged::default(), Merged::under))
    }

    /// The layers of these profiles, the most basic first; a base that two of them share is there once.
    ///
    /// # Errors
    /// Every one of the first file that is wrong.
    pub fn layers(&self, names: &[String]) -> Result<Vec<Layer>, Vec<Error>> {
        let mut walk = Walk { shelves: self, done: BTreeSet::new(), path: Vec::new(), layers: Vec::new() };
        for name in names {
            let found = self.find(name, None).map_err(|error| vec![error])?;
            walk.enter(found)?;
        }
        Ok(walk.layers)
    }
}

/// Depth first: what a profile extends comes before it.
struct Walk<'a> {
    shelves: &'a Shelves,
    done: BTreeSet<String>,
    /// Identity and name of the profiles between the command line and here.
    path: Vec<(String, String)>,
    layers: Vec<Layer>,
}

impl Walk<'_> {
    fn enter(&mut self, found: Found) -> Result<(), Vec<Error>> {
        let identity = found.identity();
        if !self.done.insert(identity.clone()) {
            return Ok(());
        }
        let mut layer = match found.path {
            Some(_) => text::parse(&found.bytes, &found.label, found.directory())?,
            None => text::built_in(&found.bytes, &found.name)?,
        };
        layer.source = Some(source(&found, &layer));
        self.path.push((identity, found.label.clone()));
        for (i, name) in layer.profile.extends.iter().enumerate() {
            let origin = layer.origin(&format!("extends[{i}]"));
            let base = self.shelves.find(name, Some(&found)).map_err(|error| vec![error.origin(&origin)])?;
            self.refuse_circle(&base, &origin)?;
            self.enter(base)?;
        }
        self.path.pop();
        self.layers.push(layer);
        Ok(())
    }

    fn refuse_circle(&self, base: &Found, origin: &Origin) -> Result<(), Vec<Error>> {
        let identity = base.identity();
        let Some(start) = self.path.iter().position(|(known, _)| *known == identity) else { return Ok(()) };
        let mut circle: Vec<&str> = self.path[start..].iter().map(|(_, label)| label.as_str()).collect();
        circle.push(&base.label);
        let error = Error::profile(format!("profiles extend each other in a circle: {}", circle.join(" -> ")));
        Err(vec![error.origin(origin).remedy("Remove one of the steps")])
    }
}

fn source(found: &Found, layer: &Layer) -> Source {
    let description = layer.profile.description.as_deref();
    Source {
        name: found.name.clone(),
        source: if found.path.is_some() { found.label.clone() } else { "built-in".into() },
        sha256: digest(found),
        path: found.path.clone(),
        description: description.and_then(|text| text.lines().next()).map(str::to_string),
    }
}

fn digest(found: &Found) -> String {
    match (&found.path, builtin::sha256(&found.name)) {
        (None, Some(known)) => known.into(),
        _ => Sha256::digest(&found.bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

#[cfg(test)]
mod tests;
