//! SECURITY.md names a test for each promise: one that exists. And every attack that is tried stands there by its group.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// All tests below `tests/`, by module: `mounts` → the source of `tests/promises/mounts.rs`.
fn sources() -> BTreeMap<String, String> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut found = BTreeMap::new();
    let mut directories = vec![tests.join("promises"), tests.join("faults"), tests.join("escape")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
                found.entry(module).or_insert_with(String::new).push_str(&fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// Words between backticks of the form `module::test`, or `module::` for all of a module's.
fn named(page: &str) -> impl Iterator<Item = (&str, &str)> {
    let words = page.split('`').skip(1).step_by(2);
    words.filter(|word| !word.contains([' ', '/', '('])).filter_map(|word| word.rsplit_once("::"))
}

#[test]
fn every_test_that_the_page_names_exists() {
    let (page, sources) = (include_str!("../SECURITY.md"), sources());
    let missing: Vec<String> = named(page)
        .filter(|(module, test)| {
            let source = module.rsplit("::").next().and_then(|module| sources.get(module));
            source.is_none_or(|source| !test.is_empty() && !source.contains(&format!("fn {test}()")))
        })
        .map(|(module, test)| format!("{module}::{test}"))
        .collect();
    assert!(missing.is_empty(), "SECURITY.md names what is not there: {missing:?}");
    assert!(named(page).count() > 80, "the page's form is another than this test reads");
}
