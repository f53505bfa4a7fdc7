//! System calls as an attacker makes them, for the probes of `sandbox verify`.

use nix::Result;
use nix::errno::Errno;
use nix::libc::{self, c_long};
use std::ffi::CStr;

/// An argument of a raw system call.
///
/// A number has at most 33 bits, so it is never an address of this program, which is position-independent and lies far above.
#[derive(Debug, Clone, Copy)]
pub enum Arg<'a> {
    /// A number, sign-extended: descriptors, flags, ids; 0 is the null pointer.
    Number(i32),
    /// The same low word below a bit that the kernel does not look at (CVE-2019-10063).
    Wide(u32),
    /// A name.
    Text(&'a CStr),
    /// A structure: it is copied to the start of a zeroed page, which no structure of these calls is larger than.
    Bytes(&'a [u8]),
}

const PAGE: usize = 4096;

/// One raw system call: what it returned, or errno. What the kernel writes into a structure is thrown away.
pub fn call(number: c_long, arguments: &[Arg]) -> Result<u64> {
    let mut pages: Vec<Box<[u8; PAGE]>> = Vec::new();
    let mut words = [0u64; 6];
    for (word, argument) in words.iter_mut().zip(arguments) {
        *word = match argument {
            Arg::Number(number) => i64::from(*number) as u64,
            Arg::Wide(low) => 1 << 32 | u64::from(*low),
            Arg::Text(text) => text.as_ptr() as u64,
            Arg::Bytes(bytes) => {
                let mut page = Box::new([0; PAGE]);
                page.iter_mut().zip(*bytes).for_each(|(to, from)| *to = *from);
                pages.push(page);
                pages.last_mut().map_or(0, |page| page.as_mut_ptr() as u64)
            }
        };
    }
    let [a, b, c, d, e, f] = words;
    // SAFETY: every pointer is null, or of a text or a page that outlives the call, and no other word is an address of this program.
    let returned = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    Errno::result(returned).map(|value| value as u64)
}

/// getpid(2) as a 32-bit program of this machine makes it: a filter that knows 64-bit numbers alone would let it pass as writev(2).
///
/// A kernel without 32-bit calls answers with SIGSEGV: call it in a process of its own.
#[cfg(target_arch = "x86_64")]
pub fn getpid_of_32_bit() -> Result<i32> {
    const GETPID: u64 = 20;
    let answer: u64;
    // SAFETY: getpid takes no argument and touches no memory; the kernel may spoil r8 to r11.
    unsafe {
        std::arch::asm!("int 0x80", inlateout("rax") GETPID => answer,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _, options(nostack));
    }
    match answer as i32 {
        pid if pid > 0 => Ok(pid),
        errno => Err(Errno::from_raw(-errno)),
    }
}
