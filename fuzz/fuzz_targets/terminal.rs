//! `terminal: safe`: whatever the command writes, and however it is cut, what comes out is text and sequences that can do no more than
//! show; what has come out once comes out again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbox::host::escapes::Filter;

fuzz_target!(|bytes: &[u8]| {
    let (whole, undone) = filtered([bytes]);
    assert_eq!(filtered(bytes.iter().map(std::slice::from_ref)), (whole.clone(), undone.clone()), "cut otherwise");
    assert_eq!(filtered([&*whole]), (whole.clone(), undone.clone()), "what passed once");
    assert!(whole.len() <= 3 * bytes.len(), "{} bytes of {}", whole.len(), bytes.len());
    for output in [whole, undone] {
        assert_safe(&String::from_utf8(output).unwrap());
    }
    // Where nothing can be meant for the terminal, nothing is changed.
    let text: String = String::from_utf8_lossy(bytes).chars().filter(|character| !character.is_control()).collect();
    assert_eq!(filtered([text.as_bytes()]), (text.clone().into_bytes(), Vec::new()));
});

/// What passes, and what is written at the end of the run.
fn filtered<'a>(inputs: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Vec<u8>) {
    let (mut filter, mut passed, mut undone) = (Filter::new(), Vec::new(), Vec::new());
    inputs.into_iter().for_each(|input| filter.pass(input, &mut passed));
    filter.finish(&mut undone);
    (passed, undone)
}

/// Nothing that answers, names, prints or holds a string: of ESC, the sequences that end at once, and CSI without a query.
fn assert_safe(text: &str) {
    let mut pieces = text.split('\u{1b}');
    assert_harmless(pieces.next().unwrap_or_default());
    for piece in pieces {
        let rest = match piece.strip_prefix('[') {
            Some(body) => {
                let end = body
                    .find(|last: char| ('@'..='~').contains(&last))
                    .unwrap_or_else(|| panic!("{piece:?} has no end"));
                let (parameters, last) = (&body[..end], &body[end..=end]);
                assert!(parameters.chars().all(|part| "0123456789;:? !".contains(part)), "CSI {parameters:?} {last:?}");
                // DA, DSR, DECREQTPARM, windows, media copy, DECLL; with ? the keyboard, graphics and DECRQM.
                assert!(
                    !["c", "n", "x", "t", "i", "y", "q"].contains(&last) || parameters.ends_with(' '),
                    "CSI {parameters:?} {last:?}"
                );
                assert!(!parameters.starts_with('?') || ["h", "l"].contains(&last), "CSI {parameters:?} {last:?}");
                &body[end + 1..]
            }
            None => piece.trim_start_matches(['(', ')']).get(1..).expect("ESC is followed by something"),
        };
        // DCS, SOS, OSC, PM, APC, the title of screen, DECID, RIS, rxvt's graphics.
        assert!(!piece.starts_with(['P', 'X', ']', '^', '_', 'k', 'Z', 'c', 'G', '%', ' ', '#']), "ESC {piece:?}");
        assert_harmless(rest);
    }
}

fn assert_harmless(text: &str) {
    let shows = |character: char| !character.is_control() || "\u{7}\u{8}\t\n\u{b}\u{c}\r\u{e}\u{f}".contains(character);
    assert!(text.chars().all(shows), "{text:?}");
}
