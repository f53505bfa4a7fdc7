//! The dispatch: architecture first, then a binary search over ranges of call numbers.
//!
//! The kernel runs a new filter once for each number of each architecture to find those always allowed, so the depth
//! of the search is what installing costs: 50 µs, several times less than a list of comparisons. At run time those
//! calls skip the filter.

use nix::libc::{BPF_ABS, BPF_JA, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W};
use seccompiler::{BpfProgram, SeccompAction, sock_filter};

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// From a number on (up to the next), what to run. It ends in an answer.
pub type Range = (u32, BpfProgram);

/// The whole program. `ranges` start with 0 and ascend.
pub fn program(architecture: u32, foreign: SeccompAction, ranges: &[Range]) -> BpfProgram {
    let mut reversed = BpfProgram::new();
    search(ranges, &mut reversed);
    reversed.extend([
        statement(BPF_LD | BPF_W | BPF_ABS, NUMBER),
        answer(foreign),
        jump(BPF_JEQ, architecture, 1, 0),
        statement(BPF_LD | BPF_W | BPF_ABS, ARCHITECTURE),
    ]);
    reversed.reverse();
    reversed
}

/// Ends the program.
pub fn answer(action: SeccompAction) -> sock_filter {
    statement(BPF_RET | BPF_K, action.into())
}

/// Written from the end, where what a jump skips is there already.
fn search(ranges: &[Range], reversed: &mut BpfProgram) {
    if let [(_, only)] = ranges {
        reversed.extend(only.iter().rev().cloned());
        return;
    }
    let (below, above) = ranges.split_at(ranges.len() / 2);
    let start = above[0].0;
    search(above, reversed);
    let end = reversed.len();
    search(below, reversed);
    let length = reversed.len() - end;
    match u8::try_from(length) {
        Ok(length) => reversed.push(jump(BPF_JGE, start, length, 0)),
        // A conditional jump reaches 255 instructions, a plain one any distance.
        Err(_) => reversed.extend([statement(BPF_JMP | BPF_JA, length as u32), jump(BPF_JGE, start, 0, 1)]),
    }
}

fn statement(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

fn jump(test: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: (BPF_JMP | test | BPF_K) as u16, jt, jf, k }
}
