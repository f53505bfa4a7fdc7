//! Pure: bytes in, bytes out. What may come out is told once more, in other words, by `is_safe`.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn filtered(input: &[u8]) -> Vec<u8> {
    let mut output = Vec::new();
    Filter::new().pass(input, &mut output);
    output
}

/// What a run that writes `input` leaves to be put back.
fn restored(input: &str) -> String {
    let (mut filter, mut output) = (Filter::new(), Vec::new());
    filter.pass(input.as_bytes(), &mut output);
    output.clear();
    filter.finish(&mut output);
    String::from_utf8(output).unwrap()
}

#[track_caller]
fn becomes(input: impl AsRef<[u8]>, expected: &str) {
    assert_eq!(String::from_utf8(filtered(input.as_ref())).unwrap(), expected);
}

#[track_caller]
fn passes(input: &str) {
    becomes(input, input);
}

#[test]
fn text_of_any_script_passes() {
    passes("plain\ttext\r\nnaïve größe 文件 🦀 e\u{301} \u{a0}\u{7ff}\u{800}\u{ffff}\u{10ffff}\u{8}\u{b}\u{c}\u{7}");
}

#[test]
fn colours_movement_and_the_other_screen_pass() {
    passes("\x1b[1;31mred\x1b[0m\x1b[38;2;1;2;3m\x1b[4:3m\x1b[58:2::9:9:9m\x1b[m");
    passes("\x1b[H\x1b[2J\x1b[K\x1b[12;40H\x1b[3A\x1b[10G\x1b[2@\x1b[4P\x1b[5X\x1b[2;20r\x1b[3b\x1b[s\x1b[u");
    passes(
        "\x1b[?1049h\x1b[?1h\x1b=\x1b[?25l\x1b[?12;25h\x1b[?2004h\x1b[?1000;1006h\x1b[2 q\x1b[?1049l\x1b>\x1b[4h\x1b[!p",
    );
    passes("\x1b7\x1b8\x1bM\x1bD\x1bE\x1b(0lqk\x1b(B\x1b)0\x0exx\x0f");
}

#[test]
fn what_makes_a_terminal_type_is_gone() {
    for query in [
        "\x05",
        "\x1bZ",
        "\x1b[c",
        "\x1b[0c",
        "\x1b[>c",
        "\x1b[=c",
        "\x1b[5n",
        "\x1b[6n",
        "\x1b[?6n",
        "\x1b[?996n",
        "\x1b[x",
        "\x1b[21t",
        "\x1b[14t",
        "\x1b[>q",
        "\x1b[>0q",
        "\x1b[?u",
        "\x1b[?2026$p",
        "\x1b[20$p",
        "\x1b[?1;1;0S",
        "\x1b[1*y",
        "\x1b]10;?\x07",
        "\x1b]4;1;?\x1b\\",
        "\x1b]52;c;?\x07",
        "\x1bP$qm\x1b\\",
        "\x1bP+q544e\x1b\\",
        "\x1b_Gi=1,a=q;AAAA\x1b\\",
    ] {
        becomes(format!("a{query}b"), "ab");
    }
    becomes("a\x1bGQb", "aQb");
}

#[test]
fn clipboard_title_link_and_print_are_gone() {
    for reach in [
        "\x1b]52;c;cm0gLXJmIC8=\x07",
        "\x1b]52;c;cm0gLXJmIC8=\x1b\\",
        "\x1b]0;title\x07",
        "\x1b]2;title\x1b\\",
        "\x1b]7;file:///\x07",
        "\x1b]9;note\x07",
        "\x1b]1337;Copy=:eA==\x07",
        "\x1b]5522;type=read\x1b\\",
        "\x1bktitle\x1b\\",
        "\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\",
        "\x1b[5i",
        "\x1b[?5i",
        "\x1b[3J",
        "\x1bc",
        "\x1b[8;999;999t",
        "\x1b[2h",
        "\x1b[?2l",
        "\x1b[?38h",
        "\x1b[?69h",
        "\x1b[?1001h",
        "\x1b[1;2;3;4;5T",
        "\x1b[99999b",
        "\x1b%@",
        "\x1b%G",
        "\x1b G",
        "\x1b#8",
        "\x1b[>4;2m",
        "\x1b[>1u",
        "\x1b[61\"p",
        "\x1b[1;2;3;4 w",
    ] {
        let text = filtered(format!("a{reach}b").as_bytes());
        assert!(!text.contains(&ESC) && text.starts_with(b"a") && text.ends_with(b"b"), "{reach:?} → {text:?}");
    }
    becomes("see \x1b]8;;ssh://elsewhere\x1b\\here\x1b]8;;\x1b\\.", "see here.");
}

#[test]
fn c1_is_obeyed_in_no_encoding() {
    becomes(b"a\x9b31m\x9d0;t\x9cb", "a\u{fffd}31m\u{fffd}0;t\u{fffd}b");
    becomes("a\u{9b}31m\u{9d}0;t\u{9c}\u{85}b", "a31m0;tb");
    becomes(b"\xc0\x9b\xe0\x82\x9b\xf0\x80\x82\x9b", &"\u{fffd}".repeat(9));
    becomes(b"\xc3\x1b[31m\xa9", "\u{fffd}\x1b[31m\u{fffd}");
}

#[test]
fn what_is_no_utf_8_is_replaced_as_everywhere() {
    for bytes in [&b"\xff"[..], b"\xe2\x82 ", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf0\x9f\xa6x", b"\xc3\xc3\xa9"] {
        becomes(bytes, &String::from_utf8_lossy(bytes));
    }
}

#[test]
fn of_modes_set_together_those_that_are_known_pass() {
    becomes("\x1b[?3;4;25l", "\x1b[?25l");
    becomes("\x1b[?01;69;0025h", "\x1b[?1;25h");
    becomes("\x1b[4;20h", "\x1b[4h");
    becomes("\x1b[?3;4l\x1b[?h\x1b[?1;2$l\x1b[?1;99999h\x1b[<1h", "");
}

#[test]
fn a_control_character_in_the_middle_of_a_sequence_acts_at_once() {
    becomes("\x1b[3\r\n1mred", "\r\n\x1b[31mred");
    becomes("\x1b[3\x18\x1b[1\x1b[2mx\x1b\x1b[Ky", "\x1b[2mx\x1b[Ky");
    becomes("\x1b[31é", "é");
}

#[test]
fn a_string_without_an_end_takes_its_line_and_not_the_rest() {
    becomes("a\x1b]0;forgotten\r\nb\n", "a\r\nb\n");
    becomes("a\x1bPforgotten\nb\n", "a\nb\n");
    becomes("a\x1b]0;cut off\x1b[1mb", "a\x1b[1mb");
    becomes("a\x1b]0;aborted\x18b", "ab");
    let endless = [b"a\x1b]52;c;", &vec![b'x'; LONGEST_STRING as usize][..], b" more"].concat();
    assert!(filtered(&endless).ends_with(b" more") && filtered(&endless).len() < 20);
    becomes("\x1b[".to_string() + &"1;".repeat(LONGEST_STRING as usize) + "mtext", "text");
}

#[test]
fn the_palette_of_the_linux_console_takes_no_more_than_its_digits() {
    becomes("a\x1b]P1ff00FFb\x1b]Rc\x1b]P12\x1b[md", "abc\x1b[md");
}

#[test]
fn what_the_command_left_changed_is_put_back_and_nothing_else() {
    assert_eq!(
        restored("text \x1b[31mred\x1b[0m \x1b[?25l\x1b[?25h\x1b[?1h\x1b=\x1b[?1l\x1b>\x1b[2;9r\x1b[r\x1b[4h\x1b[4l"),
        ""
    );
    assert_eq!(restored("\x1b[?1049h\x1b[?25l\x1b[31m"), "\x1b[?1049l\x1b[?25h\x1b[m");
    assert_eq!(restored("\x1b[?7l\x1b[?2004;1003h\x1b[4h\x1b[20h"), "\x1b[?1003l\x1b[?2004l\x1b[?7h\x1b[4l");
    assert_eq!(restored("\x1b[2;9r\x1b=\x1b[3 q\x1b(0"), "\x1b7\x1b[r\x1b8\x1b>\x1b[0 q\x1b(B\x1b)B\x0f");
    assert_eq!(restored("\x1b[31m\x1b7\x1b[m\x1b8"), "\x1b[m\x1b(B\x1b)B\x0f", "what was saved was red");
    let everything: String = (0..3000).map(|mode| format!("\x1b[?{mode}h\x1b[?{mode}l\x1b[?{mode}h")).collect();
    let all = restored(&(everything + "\x1b[?7;25l\x1b[2;9r\x1b=\x1b[3 q\x1b(0\x1b[4h\x1b[1m"));
    assert!(is_safe(all.as_bytes()).is_ok() && all.len() < 256, "{all:?}");
}

/// What any terminal may be given: a second reading of the promise, by the text and not by the byte.
fn is_safe(output: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(output).map_err(|error| error.to_string())?;
    let mut pieces = text.split('\x1b');
    let is_harmless = |c: char| !c.is_control() || "\x07\x08\t\n\x0b\x0c\r\x0e\x0f".contains(c);
    if !pieces.next().unwrap_or_default().chars().all(is_harmless) {
        return Err(format!("a control character: {text:?}"));
    }
    for piece in pieces {
        let length = sequence(piece).ok_or_else(|| format!("ESC {piece:?}"))?;
        if !piece[length..].chars().all(is_harmless) {
            return Err(format!("a control character: {piece:?}"));
        }
    }
    Ok(())
}

/// The length of the allowed sequence that `piece`, the text behind an ESC, begins with.
fn sequence(piece: &str) -> Option<usize> {
    let alone = ["7", "8", "D", "E", "M", "=", ">", "(0", "(A", "(B", ")0", ")A", ")B", "[!p", "[s", "[u"];
    if let Some(known) = alone.iter().find(|known| piece.starts_with(**known)) {
        return Some(known.len());
    }
    let body = piece.strip_prefix('[')?;
    let end = body.find(|c: char| ('@'..='~').contains(&c))?;
    let (parameters, last) = (&body[..end], body[end..].chars().next()?);
    let numbers = |text: &str| -> Option<Vec<u32>> {
        let small = |number: &str| number.parse().ok().filter(|number| *number < 10_000);
        text.split([';', ':']).map(|number| if number.is_empty() { Some(0) } else { small(number) }).collect()
    };
    let is_allowed = match last {
        'h' | 'l' if parameters.starts_with('?') => numbers(&parameters[1..])?.into_iter().all(|mode| {
            [1, 5, 7, 9, 12, 25, 47, 1000, 1002, 1003, 1004, 1006, 1047, 1048, 1049, 2004, 2026].contains(&mode)
        }),
        'h' | 'l' => numbers(parameters)?.into_iter().all(|mode| mode == 4),
        'm' => numbers(parameters).is_some(),
        'q' => parameters == " " || (parameters.ends_with(' ') && numbers(parameters.trim_end())?[0] <= 6),
        'J' | 'K' => numbers(parameters)?.into_iter().all(|number| number <= 2) && parameters.len() <= 1,
        'H' | 'f' | 'r' => !parameters.contains(':') && numbers(parameters)?.len() <= 2,
        last if "ABCDEFGIZ`ade@LMPSTXb".contains(last) => !parameters.contains(':') && numbers(parameters)?.len() == 1,
        _ => false,
    };
    is_allowed.then_some(1 + end + 1)
}

/// Bytes as an attacker would write them: parts of sequences beside each other, and noise.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let parts = prop::sample::select(vec![
        &b"\x1b"[..],
        b"\x1b[",
        b"\x1b[?",
        b"\x1b]",
        b"\x1bP",
        b"\x1b_",
        b"\x1bk",
        b"\x1b(",
        b"\x1b\\",
        b"\x07",
        b"\x18",
        b"\x05",
        b"\x9b",
        b"\xc2\x9b",
        b"\xc2",
        b"\x9d",
        b"\xe2\x82\xac",
        b"\xf0\x9f",
        b"\n",
        b"\r\n",
        b"\x7f",
        b"\x00",
        b"\x0e",
        b"52;c;eA==",
        b"0;title",
        b"31",
        b"1049",
        b"25;3;1",
        b"99999",
        b";",
        b":",
        b"m",
        b"h",
        b"l",
        b"J",
        b"H",
        b"c",
        b"n",
        b"t",
        b"p",
        b"q",
        b"b",
        b"r",
        b"!",
        b"$",
        b" ",
        b">",
        b"P",
        b"R",
        b"text",
        b"\xc3\xa9",
        b"\x1b[?2004;52;1h",
        b"\x1b[1;31m",
    ]);
    let piece = prop_oneof![8 => parts.prop_map(<[u8]>::to_vec), 1 => vec(any::<u8>(), 0..4)];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn how_the_bytes_are_cut_makes_no_difference(input in hostile(), cuts in vec(any::<prop::sample::Index>(), 0..8)) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).chain([0, input.len()]).collect();
        cuts.sort_unstable();
        let (mut filter, mut output) = (Filter::new(), Vec::new());
        for cut in cuts.windows(2) {
            filter.pass(&input[cut[0]..cut[1]], &mut output);
        }
        let (mut whole, mut at_once) = (Filter::new(), Vec::new());
        whole.pass(&input, &mut at_once);
        filter.finish(&mut output);
        whole.finish(&mut at_once);
        prop_assert_eq!(output, at_once);
    }

    #[test]
    fn nothing_but_text_and_allowed_sequences_comes_out(input in hostile()) {
        let (mut filter, mut output) = (Filter::new(), Vec::new());
        filter.pass(&input, &mut output);
        prop_assert!(output.len() <= 3 * input.len());
        filter.finish(&mut output);
        prop_assert_eq!(is_safe(&output), Ok(()));
    }

    #[test]
    fn what_has_passed_once_passes_again(input in hostile()) {
        let once = filtered(&input);
        prop_assert_eq!(filtered(&once), once);
    }

    #[test]
    fn text_of_whole_characters_is_unchanged(text in "[^\\p{Cc}]*") {
        prop_assert_eq!(filtered(text.as_bytes()), text.into_bytes());
    }
}
