//! Runs a filter as the kernel would (linux/filter.h), to ask it questions without installing it.

use nix::libc::{BPF_ABS, BPF_ALU, BPF_AND, BPF_JA, BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JMP, BPF_LD, BPF_RET, BPF_W};
use seccompiler::sock_filter;

/// `struct seccomp_data` without the instruction pointer.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    pub number: u32,
    pub architecture: u32,
    pub arguments: [u64; 6],
}

impl Call {
    fn word(&self, offset: u32) -> u32 {
        match offset {
            0 => self.number,
            4 => self.architecture,
            16..64 if offset.is_multiple_of(4) => {
                let argument = self.arguments[(offset as usize - 16) / 8];
                if offset.is_multiple_of(8) { argument as u32 } else { (argument >> 32) as u32 }
            }
            _ => panic!("no field at {offset}"),
        }
    }
}

/// The filter's answer, and how many instructions it took.
pub fn run(program: &[sock_filter], call: Call) -> (u32, usize) {
    let (mut accumulator, mut at) = (0, 0);
    for steps in 1..=program.len() {
        let sock_filter { code, jt, jf, k } = program[at];
        let branch = |taken: bool| usize::from(if taken { jt } else { jf });
        const TESTS: [u32; 3] = [BPF_JMP | BPF_JEQ, BPF_JMP | BPF_JGT, BPF_JMP | BPF_JGE];
        at += 1;
        match u32::from(code) {
            code if code == BPF_LD | BPF_W | BPF_ABS => accumulator = call.word(k),
            code if code == BPF_ALU | BPF_AND => accumulator &= k,
            code if code == BPF_JMP | BPF_JA => at += k as usize,
            code if code == TESTS[0] => at += branch(accumulator == k),
            code if code == TESTS[1] => at += branch(accumulator > k),
            code if code == TESTS[2] => at += branch(accumulator >= k),
            BPF_RET => return (k, steps),
            code => panic!("instruction {at} has the unknown code {code:#x}"),
        }
    }
    panic!("a program without loops ends within its length")
}
