//! Text that is not ours, in what we say: names, arguments, paths, lines of profiles. Whatever a terminal would obey, or a reader
//! would not see, is escaped.

/// `text` of several lines: line ends and tabs stay.
pub fn text(text: &str) -> String {
    escape(text, |character| matches!(character, '\n' | '\t'), |character, out| out.extend(character.escape_default()))
}

/// `text` on one line: a name with a line end in it must not look like a line of ours.
pub fn line(text: &str) -> String {
    escape(text, |_| false, |character, out| out.extend(character.escape_default()))
}

/// JSON that means the same. What is escaped can only be in its strings; C0 it has escaped itself.
pub fn json(text: &str) -> String {
    escape(
        text,
        |character| character == '\n',
        |character, out| {
            let units =
                character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
            out.push_str(&units);
        },
    )
}

fn escape(text: &str, stays: fn(char) -> bool, write: fn(char, &mut String)) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if !stays(character) && (character.is_control() || is_unseen(character)) {
            write(character, &mut out);
        } else {
            out.push(character);
        }
    }
    out
}

/// What is no control character (C0, DEL, C1) and yet reorders or hides text: bidirectional controls, zero-width and annotating
/// characters, line separators, tags.
fn is_unseen(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_stays_as_it_is() {
        assert_eq!(text("a\x1b]52;c;eA==\x07b\r\n\tc"), "a\\u{1b}]52;c;eA==\\u{7}b\\r\n\tc");
        assert_eq!(text("\u{9b}31m \u{7f}\u{202e}txt\u{2066}"), "\\u{9b}31m \\u{7f}\\u{202e}txt\\u{2066}");
        assert_eq!(text("größe/文件\n"), "größe/文件\n");
        assert_eq!(line("a\nsandbox: all\tis well\u{2028}"), "a\\nsandbox: all\\tis well\\u{2028}");
    }

    #[test]
    fn each_control_and_each_bidirectional_character_is_escaped() {
        let bidirectional = ['\u{61c}', '\u{200e}', '\u{200f}']
            .into_iter()
            .chain('\u{202a}'..='\u{202e}')
            .chain('\u{2066}'..='\u{2069}');
        for character in ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}').chain(bidirectional) {
            assert!(line(&character.to_string()).is_ascii() && line(&character.to_string()).len() > 1, "{character:?}");
        }
    }

    #[test]
    fn json_means_the_same() {
        let said = "q\"\\ \n\t\x1b \u{7f}\u{9b}\u{202e}\u{200d}\u{e0041} größe 🦀";
        let escaped = json(&serde_json::json!({ said: [said] }).to_string());
        assert!(escaped.chars().all(|character| !character.is_control() && !is_unseen(character)), "{escaped}");
        let read: serde_json::Value = serde_json::from_str(&escaped).unwrap();
        assert_eq!(read[said][0], said);
    }
}
