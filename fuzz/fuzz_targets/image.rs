//! An image: documents in JSON, and layers with whiteouts. The input is a text of parts, between lines "---", the first line of each its
//! name: "layer" (an entry a line), "blob", or a file of the layout. "%N" in a part stands for the digest of part N, "$N" for its size: so
//! what is tried is not only that digests are compared.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use std::fs;

#[path = "../bed.rs"]
mod bed;

fuzz_target!(|text: &str| {
    let bed = bed::bed();
    let source = bed.join("source");
    let mut known: Vec<(String, usize)> = Vec::new();
    for part in text.split("\n---\n").take(10) {
        let (name, content) = part.split_once('\n').unwrap_or((part, ""));
        let content = if name == "layer" { layer(content) } else { filled(content, &known).into_bytes() };
        let digits: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        let path = match name {
            "oci-layout" | "index.json" | "manifest.json" => name.to_string(),
            _ => format!("blobs/sha256/{digits}"),
        };
        fs::create_dir_all(source.join("blobs/sha256")).unwrap();
        fs::write(source.join(path), &content).unwrap();
        known.push((digits, content.len()));
    }
    bed::assert_stays_inside(&bed, &source);
});

fn filled(text: &str, known: &[(String, usize)]) -> String {
    known.iter().enumerate().fold(text.to_string(), |text, (number, (digits, size))| {
        text.replace(&format!("%{number}"), &format!("sha256:{digits}"))
            .replace(&format!("${number}"), &size.to_string())
            .replace(&format!("@{number}"), &format!("blobs/sha256/{digits}"))
    })
}

/// Of each line: the type, the name, and behind " > " what a link says.
fn layer(text: &str) -> Vec<u8> {
    let mut archive = Vec::new();
    for line in text.lines().take(100) {
        let (kind, rest) = line.split_at_checked(1).unwrap_or(("0", line));
        let (name, link) = rest.split_once(" > ").unwrap_or((rest, ""));
        let mut block = [0; 512];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &name.as_bytes()[..name.len().min(100)]);
        put(100, b"0000644\x000000000\x000000000\x0000000000000\x0000000000000");
        put(156, kind.as_bytes());
        put(157, &link.as_bytes()[..link.len().min(100)]);
        put(257, b"ustar\x0000");
        put(148, b"        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend(block);
    }
    archive.extend([0; 1024]);
    archive
}
