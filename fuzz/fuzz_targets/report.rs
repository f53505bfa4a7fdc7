//! Text from the payload's side in what is written for others: the report is JSON that says just that, a meta-file gets no further key, a
//! terminal nothing to obey.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbox::error::Error;
use sandbox::fuzzing::shown;
use sandbox::host::outcome::{Outcome, Status};
use sandbox::host::{Options, meta_file, report};
use serde_json::Value;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let error = Error::host(&text).path(OsStr::from_bytes(bytes)).remedy(&text);
    let mut outcome = Outcome::failed(error);
    outcome.protected_created.push(text.clone());
    let options = Options { name: Some(text.clone()), ..Options::default() };

    let report = String::from_utf8(report::render(&outcome, &options, None, None, None)).unwrap();
    assert_harmless(report.strip_suffix('\n').unwrap());
    let value: Value = serde_json::from_str(&report).unwrap();
    for place in ["/name", "/error/message", "/error/path", "/error/remedy", "/protected_created/0"] {
        assert_eq!(value.pointer(place).and_then(Value::as_str), Some(&*text), "{place}");
    }
    for status in [Status::SetupFailed, Status::ExecFailed] {
        outcome.status = status;
        let file = String::from_utf8(meta_file::render(&outcome)).unwrap();
        let keys: Vec<_> = file.lines().map(|line| line.split_once(':').unwrap().0).collect();
        let expected: &[&str] =
            if status == Status::ExecFailed { &["exitcode", "status", "message"] } else { &["status", "message"] };
        assert_eq!(keys, expected);
    }
    let [whole, line] = shown(&text);
    assert_harmless(&whole.replace(['\n', '\t'], ""));
    assert_harmless(&line.replace('\t', ""));
});

fn assert_harmless(text: &str) {
    let steers = |character: char| {
        character.is_control()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(steers), "{text:?}");
}
