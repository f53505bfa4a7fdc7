//! What the kernel tells of bound sockets, by sock_diag(7) and in /proc/net/unix: names, whatever the bytes; and a name that is in a
//! well-formed answer is found.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbox::fuzzing::plan;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

fuzz_target!(|bytes: &[u8]| {
    let (told, _) = plan::told(bytes).unwrap_or_default();
    for name in plan::listed(bytes).iter().chain(&told) {
        assert!(!name.as_os_str().as_bytes().contains(&0), "{name:?}");
    }
    let name = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let path = PathBuf::from(OsStr::from_bytes(name));
    let answer = socket(bytes);
    assert_eq!(plan::told(&answer), Some((vec![path.clone()], true)));
    // What one datagram says does not depend on what else is in it.
    assert_eq!(plan::told(&[answer.clone(), answer].concat()), Some((vec![path.clone(), path.clone()], true)));

    if !name.is_empty() && !name.starts_with(b"@") && !name.contains(&b'\n') {
        let line = [b"Num\n00: 00002 00000000 00010000 0001 01 12345 ", name].concat();
        assert_eq!(plan::listed(&line), [path]);
    }
});

/// struct nlmsghdr and struct unix_diag_msg, then the socket's file and its name; padded.
fn socket(name: &[u8]) -> Vec<u8> {
    let body = [&[0; 16], &*attribute(1, &[7, 0, 0, 0, 1, 0, 0, 0]), &attribute(0, name)].concat();
    let length = u32::try_from(16 + body.len()).unwrap().to_ne_bytes();
    let mut message = [&length[..], &20u16.to_ne_bytes(), &[0; 10], &body].concat();
    message.resize(message.len().next_multiple_of(4), 0);
    message
}

/// struct rtattr
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap().to_ne_bytes();
    [&length, &kind.to_ne_bytes(), value].concat()
}
