//! Giving rights away: capset(2), securebits of capabilities(7), keyctl(2), the ABI of landlock(7).

use nix::Result;
use nix::errno::Errno;
use nix::libc;
use std::os::fd::{AsFd, AsRawFd};

/// SECBIT_NOROOT, NO_SETUID_FIXUP, KEEP_CAPS off and NO_CAP_AMBIENT_RAISE, each with its lock: uid 0 means nothing any more.
const SECUREBITS_LOCKED: libc::c_ulong = 0b1110_1111;
/// Where there are other user ids to become: who leaves uid 0 by setuid(2) leaves his capabilities too, unless he asks to keep them
/// (PR_SET_KEEPCAPS), as a service expects that does it. Without SECBIT_NO_SETUID_FIXUP and the lock of KEEP_CAPS.
const SECUREBITS_OF_A_RANGE: libc::c_ulong = 0b1100_1011;

/// PR_SET_SECUREBITS: execve(2) no longer gives uid 0 any capability, and nothing can undo it.
pub fn lock_securebits(has_range: bool) -> Result<()> {
    #[cfg(feature = "faults")]
    crate::faults::fail("securebits")?;
    let bits = if has_range { SECUREBITS_OF_A_RANGE } else { SECUREBITS_LOCKED };
    // SAFETY: plain numbers.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_SECUREBITS, bits, 0, 0, 0) }).map(drop)
}

/// PR_CAPBSET_DROP; EINVAL for a number that the kernel has no capability for.
pub fn drop_from_bounding_set(number: u32) -> Result<()> {
    #[cfg(feature = "faults")]
    crate::faults::fail("bounding-set")?;
    // SAFETY: plain numbers.
    Errno::result(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(number), 0, 0, 0) }).map(drop)
}

/// capset(2): effective and permitted are `held`, inheritable is `inheritable` (bit N is capability N).
///
/// What leaves permitted or inheritable leaves the ambient set with it.
pub fn set_capabilities(held: u64, inheritable: u64) -> Result<()> {
    #[cfg(feature = "faults")]
    crate::faults::fail("capset")?;
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    const VERSION_3: u32 = 0x2008_0522;
    let header = Header { version: VERSION_3, pid: 0 };
    // Effective, permitted, inheritable: the low words, then the high ones.
    let words = |shift: u32| [held, held, inheritable].map(|set| (set >> shift) as u32);
    let data = [words(0), words(32)];
    // SAFETY: header and data are laid out as capset(2) documents for version 3, and outlive the call.
    Errno::result(unsafe { libc::syscall(libc::SYS_capset, &raw const header, &raw const data) }).map(drop)
}

/// KEYCTL_JOIN_SESSION_KEYRING without a name: a fresh, empty session keyring (session-keyring(7)).
pub fn fresh_session_keyring() -> Result<()> {
    #[cfg(feature = "faults")]
    crate::faults::fail("keyctl")?;
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_int = 1;
    let none = std::ptr::null::<libc::c_char>();
    // SAFETY: a null name is allowed.
    Errno::result(unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, none) }).map(drop)
}

/// Has a file the attribute of file capabilities, capabilities(7)? getxattr(2)
pub fn has_file_capabilities(path: &std::path::Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let Ok(path) = std::ffi::CString::new(path.as_os_str().as_bytes()) else { return false };
    // SAFETY: both names end in NUL and outlive the call; with size 0 nothing is written.
    unsafe { libc::getxattr(path.as_ptr(), c"security.capability".as_ptr(), std::ptr::null_mut(), 0) >= 0 }
}

/// The Landlock ABI of the running kernel; 0 where it is absent or disabled at boot.
pub fn landlock_abi() -> u32 {
    #[cfg(feature = "faults")]
    if let Some(abi) = crate::faults::answer("landlock-abi") {
        return abi.parse().unwrap_or_default();
    }
    const VERSION: libc::c_uint = 1;
    let none = std::ptr::null::<libc::c_void>();
    // SAFETY: with the version flag the kernel takes no pointer.
    let abi = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, none, 0, VERSION) };
    u32::try_from(abi).unwrap_or(0)
}

/// landlock_restrict_self(2): the ruleset is a fence around this process and what it becomes. After no_new_privs.
pub fn landlock_restrict_self(ruleset: impl AsFd) -> Result<()> {
    // SAFETY: the descriptor is borrowed, and no memory is touched.
    Errno::result(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_fd().as_raw_fd(), 0) }).map(drop)
}
