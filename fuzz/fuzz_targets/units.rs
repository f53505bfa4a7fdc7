//! A value of a profile, as text: a number with a unit reads back from its own text as the same, variables expand to what a plan may
//! hold, a pattern matches what the plainest matcher matches.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbox::fuzzing::plan;
use sandbox::plan::HostFacts;
use sandbox::profile::Origin;
use sandbox::profile::units::{Cpus, Duration, Limit, Mode, Size, Weight};
use std::fmt::{Debug, Display};
use std::path::Path;
use std::str::FromStr;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    numbers(text);
    variables(text);
    let (pattern, name) = text.split_once('\n').unwrap_or((text, ""));
    assert_eq!(plan::matches(pattern.as_bytes(), name.as_bytes()), matches(pattern.as_bytes(), name.as_bytes()));
});

fn numbers(text: &str) {
    read_back::<Limit<Size>>(text);
    read_back::<Limit<Duration>>(text);
    if let (Some(Size(bytes)), Ok(number)) = (read_back(text), text.parse::<u64>()) {
        assert_eq!(bytes, number);
    }
    read_back::<Duration>(text);
    assert!(read_back(text).is_none_or(|Mode(bits)| bits <= 0o7777));
    assert!(read_back(text).is_none_or(|Cpus(thousandths)| (10..1_000_000_000).contains(&thousandths)));
    assert!(text.parse().map_or(true, |Weight(weight)| (1..=10_000).contains(&weight)));
}

fn read_back<T: FromStr<Err = String> + Display + Debug + PartialEq>(text: &str) -> Option<T> {
    let value = text.parse::<T>().ok()?;
    assert_eq!(value.to_string().parse().as_ref(), Ok(&value), "{text:?} is written {value}");
    Some(value)
}

fn variables(text: &str) {
    let environment = [("HOME", "/home/user"), ("A", "/a*b/../c"), ("EMPTY", "")];
    let host = HostFacts {
        cwd: "/home/user/app".into(),
        home: Some("/home/user".into()),
        environment: environment.map(|(name, value)| (name.into(), value.into())).into(),
        ..HostFacts::default()
    };
    for is_flag in [false, true] {
        let [path, pattern, value] = plan::expand(text, &host, &Origin { is_flag, ..Origin::default() });
        for place in [&path, &pattern].into_iter().flatten().map(Path::new) {
            assert!(place.is_absolute() && plan::normalise(place).as_os_str() == place.as_os_str(), "{place:?}");
        }
        if !text.contains(['*', '\0']) {
            assert_eq!(path.as_ref().ok(), pattern.as_ref().ok());
        }
        // Where nothing asks for an expansion there is none.
        if !text.contains('$') && !text.starts_with('~') {
            assert_eq!(value.as_deref().ok(), Some(text.as_ref()));
            assert!(!text.starts_with('/') || path.is_ok_and(|path| *path == *plan::normalise(Path::new(text))));
        }
    }
}

/// A row for each byte of the pattern: which beginnings of the name it matches.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let mut row: Vec<bool> = (0..=name.len()).map(|length| length == 0).collect();
    for byte in pattern {
        let mut next = vec![*byte == b'*' && row[0]];
        for (at, letter) in name.iter().enumerate() {
            next.push(if *byte == b'*' { next[at] || row[at + 1] } else { byte == letter && row[at] });
        }
        row = next;
    }
    row[name.len()]
}
