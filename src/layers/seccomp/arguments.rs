//! Rules on the arguments of a call, compiled by seccompiler.
//!
//! Each compares the low 32 bits only: that is what the kernel takes of such an argument, and a comparison of all 64
//! is passed by garbage in the upper half (CVE-2019-10063).

use nix::libc;
use seccompiler::SeccompCmpOp::{Eq, MaskedEq, Ne};
use seccompiler::{BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};

/// What the arguments must be for the call to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// clone(2): none of the CLONE_NEW* flags. (CLONE_NEWTIME is not among clone's: there it is part of the signal.)
    NoNewNamespace,
    /// socket(2): UNIX; INET and INET6 with TCP, UDP, ICMP and RAW, else EPROTONOSUPPORT; NETLINK with protocol 0 (ROUTE); else EAFNOSUPPORT.
    Family,
    /// ioctl(2): none of [`REFUSED_COMMANDS`].
    Command,
    /// personality(2): PER_LINUX or PER_LINUX32, either with UNAME26, or the question 0xffffffff.
    Personality {
        /// Also with ADDR_NO_RANDOMIZE.
        no_randomize: bool,
    },
    /// chmod(2) and others: no set-id bit in this argument.
    Mode(u8),
    /// open(2): no set-id bit in the argument after `flags` if these make it count.
    CreateMode {
        /// The argument with the flags.
        flags: u8,
    },
    /// The process (argument 0) is not PID 1.
    NotInit,
    /// setrlimit(2): any limit but RLIMIT_CORE, which stays as it is although the call says it was set.
    KeepCoreLimit,
    /// prlimit(2): the same, and not PID 1's.
    KeepCoreLimitNotInit,
    /// setpgid(2): into any process group but PID 1's.
    NotInitsGroup,
    /// setpriority(2), ioprio_set(2): neither all processes of a user nor PID 1, nor its process
    /// group, which has the same number.
    NotInitNorUser {
        /// PRIO_USER, IOPRIO_WHO_USER
        user: u32,
    },
}

const NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u32;
const PER_LINUX32: u32 = 8;
/// Of ioctl(2): TIOCSTI, TIOCLINUX, TIOCSETD; BTRFS_IOC_SNAP_CREATE and its V2, BCH_IOCTL_SUBVOLUME_CREATE.
pub const REFUSED_COMMANDS: [u32; 6] = [0x5412, 0x541C, 0x5423, 0x5000_9401, 0x5000_9417, 0x4020_BC10];
/// What AF_INET and AF_INET6 differ in.
const INET6: u32 = (libc::AF_INET ^ libc::AF_INET6) as u32;
const SET_ID: u32 = libc::S_ISUID | libc::S_ISGID;
/// O_CREAT and the bit that tells O_TMPFILE from O_DIRECTORY.
const CREATES: u32 = (libc::O_CREAT | (libc::O_TMPFILE & !libc::O_DIRECTORY)) as u32;

impl Rule {
    /// The errno of a call that does not pass.
    pub fn errno(self) -> i32 {
        match self {
            Rule::Family => libc::EAFNOSUPPORT,
            _ => libc::EPERM,
        }
    }

    /// A program that ends in ALLOW or `denied`.
    pub fn compile(self, denied: SeccompAction) -> BpfProgram {
        let mut program = BpfProgram::new();
        let allowed = self.ways().into_iter().map(|conditions| (conditions, SeccompAction::Allow));
        let answered = self.answered().map(|(conditions, errno)| (conditions, SeccompAction::Errno(errno as u32)));
        for (conditions, action) in allowed.chain(answered) {
            let rule = SeccompRule::new(conditions).expect("every way has a condition");
            program.extend(BpfProgram::from(rule));
            program.push(super::tree::answer(action));
        }
        program.push(super::tree::answer(denied));
        program
    }

    /// What does not pass and yet is no denial, with its answer, whatever `on_deny` says.
    fn answered(self) -> Option<(Vec<SeccompCondition>, i32)> {
        const DONE: i32 = 0;
        match self {
            // Go asks for MPTCP whenever it listens, and does without.
            Rule::Family => Some((vec![inet()], libc::EPROTONOSUPPORT)),
            // An error would stop the programs that switch their own cores off.
            Rule::KeepCoreLimit => Some((vec![argument(0, Eq, libc::RLIMIT_CORE)], DONE)),
            // Not if the old limit is asked for at the same time, which a filter cannot tell.
            Rule::KeepCoreLimitNotInit => {
                Some((vec![argument(0, Ne, 1), argument(1, Eq, libc::RLIMIT_CORE), pointer(3, Eq)], DONE))
            }
            _ => None,
        }
    }

    /// The ways to pass: of one of them, every condition holds.
    fn ways(self) -> Vec<Vec<SeccompCondition>> {
        match self {
            Rule::NoNewNamespace => vec![vec![clear(0, NAMESPACES)]],
            Rule::Family => vec![
                vec![argument(0, Eq, libc::AF_UNIX as u32)],
                // 0, the one that the type means, or ICMP's 1.
                vec![inet(), clear(2, !1)],
                vec![inet(), argument(2, Eq, libc::IPPROTO_TCP as u32)],
                vec![inet(), argument(2, Eq, libc::IPPROTO_UDP as u32)],
                vec![inet(), argument(2, Eq, libc::IPPROTO_ICMPV6 as u32)],
                // Of CAP_NET_RAW, which is the kernel's to ask for.
                vec![inet(), argument(2, Eq, libc::IPPROTO_RAW as u32)],
                vec![argument(0, Eq, libc::AF_NETLINK as u32), argument(2, Eq, libc::NETLINK_ROUTE as u32)],
            ],
            Rule::Command => vec![REFUSED_COMMANDS.map(|command| argument(1, Ne, command)).into()],
            Rule::Personality { no_randomize } => {
                let linux = PER_LINUX32 | libc::UNAME26 as u32;
                let bits = if no_randomize { linux | libc::ADDR_NO_RANDOMIZE as u32 } else { linux };
                vec![vec![clear(0, !bits)], vec![argument(0, Eq, u32::MAX)]]
            }
            Rule::Mode(mode) => vec![vec![clear(mode, SET_ID)]],
            Rule::CreateMode { flags } => vec![vec![clear(flags, CREATES)], vec![clear(flags + 1, SET_ID)]],
            Rule::KeepCoreLimit => vec![vec![argument(0, Ne, libc::RLIMIT_CORE)]],
            Rule::KeepCoreLimitNotInit => vec![
                vec![argument(0, Ne, 1), argument(1, Ne, libc::RLIMIT_CORE)],
                // Asking is free.
                vec![argument(0, Ne, 1), pointer(2, Eq)],
            ],
            Rule::NotInit => vec![vec![argument(0, Ne, 1)]],
            Rule::NotInitsGroup => vec![vec![argument(1, Ne, 1)]],
            Rule::NotInitNorUser { user } => vec![vec![argument(0, Ne, user), argument(1, Ne, 1)]],
        }
    }
}

fn argument(number: u8, operator: SeccompCmpOp, value: u32) -> SeccompCondition {
    SeccompCondition::new(number, SeccompCmpArgLen::Dword, operator, value.into()).expect("no call has a seventh")
}

/// A pointer that is, or is not, null: all 64 bits count.
fn pointer(number: u8, operator: SeccompCmpOp) -> SeccompCondition {
    SeccompCondition::new(number, SeccompCmpArgLen::Qword, operator, 0).expect("no call has a seventh")
}

/// AF_INET or AF_INET6.
fn inet() -> SeccompCondition {
    argument(0, MaskedEq((!INET6).into()), libc::AF_INET as u32)
}

/// None of `bits` is set in the argument.
fn clear(number: u8, bits: u32) -> SeccompCondition {
    argument(number, MaskedEq(bits.into()), 0)
}
