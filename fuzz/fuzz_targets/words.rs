//! What the half inside of `sandbox rootfs` says: however it is cut, the same is heard; no text of it steers a terminal, and none is endless.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbox::rootfs::words::{LONGEST, Word, Words};

fuzz_target!(|bytes: &[u8]| {
    let whole = Words::default().feed(bytes);
    let mut words = Words::default();
    let cut: Option<Vec<Vec<Word>>> = bytes.chunks(7).map(|part| words.feed(part)).collect();
    assert_eq!(cut.map(|parts| parts.concat()), whole);
    for word in whole.unwrap_or_default() {
        let texts: Vec<String> = match &word {
            Word::Progress(_) => vec![],
            Word::Done(summary) => summary.left_out.iter().map(|(what, _)| what.clone()).collect(),
            Word::Failed(failure) => vec![failure.reason.clone(), failure.remedy.clone()],
        };
        assert!(texts.len() <= 64 && texts.iter().all(|text| text.len() < LONGEST && !text.contains(char::is_control)));
        assert_eq!(Word::read(word.line().trim_end().as_bytes()), Some(word));
    }
});
