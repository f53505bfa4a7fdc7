//! Paths by their text, a line each: whatever they are, what comes out is absolute and plain, and a walk among links ends.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbox::fuzzing::plan;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

fuzz_target!(|bytes: &[u8]| {
    let lines: Vec<&Path> = bytes.split(|byte| *byte == b'\n').map(|line| Path::new(OsStr::from_bytes(line))).collect();
    let places: Vec<PathBuf> = lines.iter().map(|line| normal(line)).collect();
    for pair in places.windows(2) {
        let [one, other] = pair else { unreachable!() };
        assert_eq!(plan::order(one, other), one.cmp(other), "{one:?} {other:?}");
        assert_plain(&plan::link_target(one, lines[0]));
        let rest = plan::strictly_below(one, other);
        assert_eq!(rest.is_some(), one != other && one.ancestors().any(|above| above == other));
        assert!(rest.is_none_or(|rest| other.join(rest) == *one));
    }
    walk(&lines, &places);
});

/// Below the root, in normal form.
fn normal(line: &Path) -> PathBuf {
    let normal = plan::normalise(&Path::new("/").join(line));
    assert_plain(&normal);
    assert_eq!(plan::normalise(&normal), normal);
    normal
}

fn assert_plain(path: &Path) {
    let mut components = path.components();
    assert_eq!(components.next(), Some(Component::RootDir), "{path:?}");
    assert!(components.clone().all(|component| matches!(component, Component::Normal(_))), "{path:?}");
    assert_eq!(path.components().collect::<PathBuf>().as_os_str(), path.as_os_str(), "a slash too many");
}

/// The first line is where to; each further pair of lines is a link and its text, a last one alone a directory.
fn walk(lines: &[&Path], places: &[PathBuf]) {
    let links: Vec<(PathBuf, PathBuf)> = (1..lines.len().saturating_sub(1))
        .step_by(2)
        .map(|at| (places[at].clone(), lines[at + 1].to_owned()))
        .filter(|(at, text)| at != Path::new("/") && !text.as_os_str().is_empty())
        .collect();
    let (place, _) = plan::walk_to(&links, &["/".into(), places[places.len() - 1].clone()], &places[0]);
    assert_plain(&place);
    if links.is_empty() {
        assert_eq!(place, places[0]);
    }
}
