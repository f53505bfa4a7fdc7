//! Lists of words in a text, taken apart by the compiler: at run time they are tables.

/// How many words there are.
pub const fn count(text: &str) -> usize {
    let (mut count, mut at) = (0, 0);
    while let Some((_, end)) = next(text, at) {
        (count, at) = (count + 1, end);
    }
    count
}

/// The first word from `start` on, and where it ends.
pub const fn next(text: &str, start: usize) -> Option<(&str, usize)> {
    let bytes = text.as_bytes();
    let mut from = start;
    while from < bytes.len() && bytes[from].is_ascii_whitespace() {
        from += 1;
    }
    let mut end = from;
    while end < bytes.len() && !bytes[end].is_ascii_whitespace() {
        end += 1;
    }
    let (before, _) = bytes.split_at(end);
    match std::str::from_utf8(before.split_at(from).1) {
        Ok(word) if !word.is_empty() => Some((word, end)),
        _ => None,
    }
}

/// The number that a word is, if it is one.
pub const fn number(word: &str) -> Option<u32> {
    match u32::from_str_radix(word, 10) {
        Ok(number) => Some(number),
        Err(_) => None,
    }
}

/// `==`
pub const fn equal(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut at = 0;
    while at < left.len() && at < right.len() && left[at] == right[at] {
        at += 1;
    }
    at == left.len() && at == right.len()
}
