//! Any bytes as an archive, with any compression: a tree in its place, or one sentence why not; nothing beside it changes, and nothing of
//! it is more than was allowed.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../bed.rs"]
mod bed;

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    mend_checksums(&mut bytes);
    let bed = bed::bed();
    let source = bed.join("source/archive");
    std::fs::write(&source, &bytes).unwrap();
    bed::assert_stays_inside(&bed, &source);
});

/// A header whose sum is wrong is refused at once: what looks like one gets the right one, so that more than sums is tried.
fn mend_checksums(bytes: &mut [u8]) {
    for block in bytes.chunks_exact_mut(512).filter(|block| block.get(257..262) == Some(b"ustar")) {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}
