//! `sandbox profile diff A B`: what one grants and the other does not.

use super::flatten;
use crate::error::Error;
use crate::profile::schema::Mount;
use crate::profile::{Merged, Shelves};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a key says: one value, or as many as a list has.
type Values = BTreeMap<String, BTreeSet<String>>;

/// `- key = value` for what only `a` says, `+ key = value` for what only `b` says, by key; empty if they mean the same.
///
/// # Errors
/// One of them, or what it extends, is not found or wrong.
pub fn diff(shelves: &Shelves, a: &str, b: &str) -> Result<String, Error> {
    let load = |name: &str| shelves.load(&[name.to_string()], None).and_then(|merged| values(&merged));
    let (a, b) = (load(a)?, load(b)?);
    let none = BTreeSet::new();
    let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let lines = keys.into_iter().flat_map(|key| {
        let (old, new) = (a.get(key).unwrap_or(&none), b.get(key).unwrap_or(&none));
        let line = move |sign: char, value: &String| match value.is_empty() {
            true => format!("{sign} {key}\n"),
            false => format!("{sign} {key} = {value}\n"),
        };
        let removed = old.difference(new).map(move |value| line('-', value));
        removed.chain(new.difference(old).map(move |value| line('+', value)))
    });
    Ok(lines.collect())
}

/// A merged profile as `key = value`, each value as JSON: nothing in it can look like another line.
fn values(merged: &Merged) -> Result<Values, Error> {
    let mut profile = flatten(merged).profile;
    profile.description = None;
    let mut values = Values::new();
    for (key, value) in mounts(std::mem::take(&mut profile.mounts))? {
        values.entry(key).or_default().insert(value);
    }
    collect("", json(&profile)?, &mut values);
    // The next profile may keep what this one drops: then the order counts, and no list of names says it.
    let layers = &merged.environment;
    if layers.len() > 1 && layers.iter().any(|layer| !layer.drop.is_empty()) {
        let order =
            layers.iter().map(|layer| json(&(&layer.keep, &layer.drop, &layer.set))).collect::<Result<_, _>>()?;
        values
            .entry("environment (keep, drop, set of each profile)".into())
            .or_default()
            .insert(Value::Array(order).to_string());
    }
    Ok(values)
}

fn collect(key: &str, value: Value, values: &mut Values) {
    match value {
        Value::Null => {}
        Value::Object(entries) => {
            for (name, value) in entries {
                collect(&if key.is_empty() { name } else { format!("{key}.{name}") }, value, values);
            }
        }
        // The words of a command have an order, and may be there twice.
        Value::Array(items) if key != "command" => {
            items.into_iter().for_each(|item| collect(key, item, values));
        }
        value => {
            values.entry(key.into()).or_default().insert(value.to_string());
        }
    }
}

/// By kind and destination as written, with the options; of two for one destination the last, and none that is unset.
fn mounts(all: Vec<Mount>) -> Result<Vec<(String, String)>, Error> {
    let mut by_place: BTreeMap<String, (String, String)> = BTreeMap::new();
    for mount in all {
        let kind = mount.keys().first().copied().unwrap_or_default();
        let Value::Object(mut entry) = json(&mount)? else { continue };
        entry.retain(|_, value| !value.is_null());
        let named = entry.get(kind).and_then(Value::as_str).unwrap_or_default().to_string();
        let place = entry.remove("at").and_then(|at| at.as_str().map(str::to_string)).unwrap_or_else(|| named.clone());
        if kind == "unset" && by_place.remove(&place).is_some() {
            continue;
        }
        if named == place {
            entry.remove(kind);
        }
        let key = format!("mounts.{kind} {}", Value::from(place.as_str()));
        let options = if entry.is_empty() { String::new() } else { Value::Object(entry).to_string() };
        by_place.insert(place, (key, options));
    }
    Ok(by_place.into_values().collect())
}

fn json(value: &impl serde::Serialize) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|error| Error::profile(format!("cannot be written: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// What differs between two profiles with these texts.
    fn between(a: &str, b: &str) -> String {
        let root = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_string()
        };
        diff(&Shelves::default(), &file("a.yaml", a), &file("b.yaml", b)).unwrap()
    }

    #[test]
    fn what_differs_is_shown_by_key_with_all_that_each_extends() {
        insta::assert_snapshot!(diff(&Shelves::default(), "build", "agent").unwrap());
    }

    #[test]
    fn profiles_that_mean_the_same_do_not_differ_however_they_are_written() {
        let a = "description: x\nextends: [build]\nmounts: [{ro: /a}, {rw: /b}]\nseccomp: {allow: [mount, bpf]}\n";
        let b =
            "extends: [build]\nseccomp: {allow: [bpf, mount]}\nmounts:\n- rw: /b\n- tmpfs: /a\n- {ro: /a, at: /a}\n";
        assert_eq!(between(a, b), "");
        assert_eq!(
            between(
                a,
                "extends: [build]\nmounts: [{ro: /a}, {ro: /c}, {unset: /c}, {rw: /b}]\nseccomp: {allow: [bpf, mount]}\n"
            ),
            ""
        );
    }

    #[test]
    fn each_value_option_and_element_that_differs_has_its_line() {
        let a = "command: [a, b]\nlimits: {pids: 3, core: unlimited}\nmounts: [{ro: /a}, {ro: /x, at: /b}]\npass_fds: [3]\n";
        let b = "command: [b, a]\nlimits: {pids: 4}\nmounts: [{ro: /a, optional: true}, {rw: /b}]\npass_fds: [3, 4]\n";
        insta::assert_snapshot!(between(a, b));
    }

    #[test]
    fn the_order_in_which_profiles_keep_and_drop_counts() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("keep.yaml"), "environment: {keep: [A]}\n").unwrap();
        fs::write(root.path().join("drop.yaml"), "environment: {drop: [A]}\n").unwrap();
        let file = |name: &str, text: &str| {
            fs::write(root.path().join(name), text).unwrap();
            root.path().join(name).to_str().unwrap().to_string()
        };
        let (a, b) = (
            file("a.yaml", "extends: [./keep.yaml, ./drop.yaml]\n"),
            file("b.yaml", "extends: [./drop.yaml, ./keep.yaml]\n"),
        );
        assert_eq!(diff(&Shelves::default(), &a, &a).unwrap(), "");
        assert_eq!(diff(&Shelves::default(), &a, &b).unwrap().lines().count(), 2);
    }
}
