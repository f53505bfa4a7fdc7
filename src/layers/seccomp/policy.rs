//! The policies, `default` and `strict`: which system call gets which answer, and why.
//!
//! An allow-list. A call that no group names (one newer than this page) is absent. `strict` is for code that nobody
//! trusts and somebody grades: it still compiles and runs C, starts threads, talks over its own loopback and fences
//! itself in, but loses what such code never needs. What a feature of the profile brings back stands beside the group.

use super::arguments::Rule;
use crate::plan::Features;

/// The answer to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Let through.
    Allow,
    /// EPERM: known and denied. With `on_deny: kill` the process is killed instead.
    Refuse,
    /// ENOSYS, as from a kernel without it, so that libraries fall back; with `on_deny: kill` too.
    Absent,
    /// Let through if its arguments pass; else as [`Verdict::Refuse`].
    Check(Rule),
}

/// Calls that get one answer for one reason.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// What they are and why they get it.
    pub why: &'static str,
    /// Their names, separated by white space.
    pub calls: &'static str,
    default: Verdict,
    strict: Verdict,
    feature: Option<(Granted, Verdict)>,
}

/// Whether the profile grants a feature.
type Granted = fn(&Features) -> bool;

impl Group {
    /// The answer under one policy with these features.
    pub fn verdict(&self, strict: bool, features: &Features) -> Verdict {
        match self.feature {
            Some((granted, verdict)) if granted(features) => verdict,
            _ if strict => self.strict,
            _ => self.default,
        }
    }

    const fn strict(self, strict: Verdict) -> Group {
        Group { strict, ..self }
    }

    const fn feature(self, granted: Granted, verdict: Verdict) -> Group {
        Group { feature: Some((granted, verdict)), ..self }
    }
}

const fn group(verdict: Verdict, why: &'static str, calls: &'static str) -> Group {
    Group { why, calls, default: verdict, strict: verdict, feature: None }
}

use Verdict::{Absent, Allow, Check, Refuse};

/// Both policies, whole.
#[rustfmt::skip] // a page to read: answer and reason, then the calls
pub const POLICY: &[Group] = &[
    // ---- what programs are made of

    group(Allow, "open descriptors: bytes in and out, positions, copies",
        "read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek close close_range dup dup2 dup3
         fcntl flock fsync fdatasync sync_file_range fallocate ftruncate fadvise64 readahead sendfile copy_file_range
         splice tee pipe pipe2"),
    group(Allow, "the file tree: mounts, modes and Landlock say what of it; an unmapped owner is EINVAL by itself",
        "access faccessat faccessat2 chdir fchdir getcwd getdents getdents64 stat lstat fstat newfstatat statx statfs
         fstatfs readlink readlinkat link linkat symlink symlinkat unlink unlinkat rename renameat renameat2 rmdir
         truncate umask utime utimes utimensat futimesat chown lchown fchown fchownat"),
    group(Allow, "extended attributes and file flags: on a read-only mount EROFS",
        "getxattr lgetxattr fgetxattr getxattrat listxattr llistxattr flistxattr listxattrat setxattr lsetxattr
         fsetxattr setxattrat removexattr lremovexattr fremovexattr removexattrat file_getattr file_setattr"),
    group(Allow, "memory, executable for JITs, and its protection keys and shadow stacks",
        "brk mmap munmap mremap mprotect madvise mincore msync mseal mlock mlock2 mlockall munlock munlockall
         memfd_create pkey_alloc pkey_free pkey_mprotect map_shadow_stack membarrier"),
    group(Allow, "processes and threads: the PID namespace bounds whom they reach",
        "fork vfork execve execveat exit exit_group wait4 waitid kill tkill tgkill pidfd_open pidfd_send_signal getpid
         getppid gettid getpgid getpgrp getsid setsid set_tid_address futex futex_waitv futex_wait futex_wake
         futex_requeue set_robust_list get_robust_list rseq rseq_slice_yield restart_syscall arch_prctl prctl"),
    group(Allow, "signals",
        "rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
         rt_tgsigqueueinfo sigaltstack signalfd signalfd4 pause"),
    group(Allow, "waiting for events",
        "poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd
         eventfd2"),
    group(Allow, "clocks and timers, to read and to wait",
        "time gettimeofday clock_gettime clock_getres clock_nanosleep nanosleep alarm getitimer setitimer times
         timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime
         timerfd_settime"),
    group(Allow, "sockets once made: the network namespace says what they reach",
        "bind connect listen accept accept4 getpeername getsockname getsockopt setsockopt shutdown sendto sendmsg
         sendmmsg recvfrom recvmsg recvmmsg"),
    group(Allow, "ids and capabilities: only those mapped and held",
        "getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid setresgid
         setfsuid setfsgid setgroups capget capset"),
    group(Allow, "facts about the machine and oneself, chance, own limits (a hard limit never rises)",
        "uname sysinfo getcpu getrandom getrusage getrlimit getpriority ioprio_get sched_yield
         sched_get_priority_max sched_get_priority_min sched_rr_get_interval sched_getaffinity sched_getattr
         sched_getparam sched_getscheduler"),
    group(Allow, "a fence of one's own inside this one: it can only take away",
        "seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self"),
    group(Allow, "return paths that the kernel itself puts into a probed process",
        "uretprobe uprobe"),

    // ---- let through by their arguments

    group(Check(Rule::NoNewNamespace), "a thread or a process, not a namespace: a new one would bring back mounts",
        "clone").feature(|f| f.userns, Allow),
    group(Check(Rule::Family), "UNIX, INET, INET6 and NETLINK_ROUTE (getaddrinfo and getifaddrs ask it, and without \
         CAP_NET_ADMIN it only answers): VSOCK leaves the network namespace, ALG, PACKET, XFRM are surface, and so are \
         SCTP, MPTCP, DCCP and the like, whose modules the host would load",
        "socket socketpair"),
    group(Check(Rule::Command), "all but the two that type into a terminal, TIOCSTI and TIOCLINUX; TIOCSETD, at which the \
         host loads modules; and snapshots of btrfs and bcachefs, which show what lies around the tree that is shown",
        "ioctl"),
    group(Check(Rule::Personality { no_randomize: false }), "Linux, 32-bit host names, and asking; with the feature \
         also without address randomisation (gdb)",
        "personality").feature(|f| f.personality, Check(Rule::Personality { no_randomize: true })),
    group(Check(Rule::Mode(1)), "no set-user-id or set-group-id bit: on the host the file would be the caller's",
        "chmod fchmod creat mkdir mknod").feature(|f| f.set_id_bits, Allow),
    group(Check(Rule::Mode(2)), "the same, mode third",
        "fchmodat fchmodat2 mkdirat mknodat").feature(|f| f.set_id_bits, Allow),
    group(Check(Rule::CreateMode { flags: 1 }), "the same where the flags create a file",
        "open").feature(|f| f.set_id_bits, Allow),
    group(Check(Rule::CreateMode { flags: 2 }), "the same where the flags create a file",
        "openat").feature(|f| f.set_id_bits, Allow),
    group(Absent, "the same, but its mode is behind a pointer; its users fall back to openat",
        "openat2").feature(|f| f.set_id_bits, Allow),
    group(Check(Rule::NotInit), "any process but PID 1, which shares the uid: starved or limited, it would give a \
         false verdict. Others by number are fine: threads, children",
        "sched_setaffinity sched_setattr sched_setparam sched_setscheduler"),
    group(Check(Rule::KeepCoreLimitNotInit), "the same; and a core limit of 1, the only one at which the kernel hands no \
         core to a helper that core_pattern pipes to (core(5)), stays",
        "prlimit64"),
    group(Check(Rule::KeepCoreLimit), "any limit but that",
        "setrlimit"),
    group(Check(Rule::NotInitsGroup), "any group but PID 1's: from within it, calls on \"my own group\" would mean PID 1",
        "setpgid"),
    group(Check(Rule::NotInitNorUser { user: 2 }), "the same, its process group and all processes of a user",
        "setpriority"),
    group(Check(Rule::NotInitNorUser { user: 3 }), "the same",
        "ioprio_set"),

    // ---- in `default` only

    group(Allow, "System V IPC and message queues: objects outlive their processes, and queues count against a quota \
         that the caller shares",
        "shmat shmctl shmdt shmget semctl semget semop semtimedop msgctl msgget msgrcv msgsnd mq_getsetattr mq_notify
         mq_open mq_timedreceive mq_timedsend mq_unlink").strict(Absent),
    group(Allow, "watching files: instances count against a quota that the caller shares",
        "inotify_init inotify_init1 inotify_add_watch inotify_rm_watch").strict(Absent),
    group(Allow, "kernel AIO: contexts count against one quota of the whole host",
        "io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents").strict(Absent),
    group(Allow, "flushing whole file systems: all of the host waits for its disks",
        "sync syncfs").strict(Absent),
    group(Allow, "rare ways to handle memory: pages given to a pipe, hidden from the kernel, mapped out of order",
        "vmsplice memfd_secret remap_file_pages process_mrelease").strict(Absent),
    group(Allow, "what the page cache holds, file handles, the mount tree: facts about the host",
        "cachestat name_to_handle_at statmount listmount").strict(Absent),
    group(Allow, "how the clock is kept: reading is free, setting needs a capability",
        "adjtimex clock_adjtime").strict(Absent),

    // ---- absent, so that libraries fall back

    group(Absent, "its flags, namespaces among them, are behind a pointer; every libc falls back to clone",
        "clone3"),
    group(Absent, "what a ring does passes no filter",
        "io_uring_setup io_uring_enter io_uring_register").feature(|f| f.io_uring, Allow),
    group(Absent, "stops the kernel at a page fault: the classic helper of exploits",
        "userfaultfd"),
    group(Absent, "the new mount API",
        "fsopen fsconfig fsmount fspick open_tree open_tree_attr move_mount mount_setattr")
        .feature(|f| f.userns, Allow),
    group(Absent, "asks for a NUMA policy: libnuma takes the answer for a kernel without NUMA",
        "get_mempolicy").feature(|f| f.numa, Allow),
    group(Absent, "security modules and lists of namespaces: nothing inside needs them",
        "lsm_get_self_attr lsm_set_self_attr lsm_list_modules listns"),
    group(Absent, "numbers without a call in any supported kernel",
        "_sysctl afs_syscall create_module epoll_ctl_old epoll_wait_old get_kernel_syms get_thread_area getpmsg
         nfsservctl putpmsg query_module security set_thread_area tuxcall vserver"),

    // ---- refused

    group(Refuse, "mounts, roots and namespaces: what the sandbox is made of",
        "mount umount2 pivot_root chroot unshare setns sethostname setdomainname").feature(|f| f.userns, Allow),
    group(Refuse, "other processes' memory, registers and descriptors",
        "ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd").feature(|f| f.ptrace, Allow),
    group(Refuse, "keys: the user's keyring and its quota are the caller's too",
        "keyctl add_key request_key").feature(|f| f.keyring, Allow),
    group(Refuse, "performance counters: a large surface, and a view of the host",
        "perf_event_open").feature(|f| f.perf, Allow),
    group(Refuse, "placing memory on NUMA nodes: a cost to the neighbours",
        "mbind set_mempolicy set_mempolicy_home_node move_pages migrate_pages").feature(|f| f.numa, Allow),
    group(Refuse, "programs for the kernel: useless without capabilities on the host, even to perf",
        "bpf"),
    group(Refuse, "files by handle and watches on whole mounts: past the tree that is shown",
        "open_by_handle_at fanotify_init fanotify_mark lookup_dcookie"),
    group(Refuse, "the host: its modules, power, swap, quotas, accounting, log, terminals, clock, ports, old tables",
        "init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff quotactl quotactl_fd
         acct syslog vhangup settimeofday clock_settime iopl ioperm modify_ldt ustat sysfs uselib"),
];

/// What the sandbox itself still calls once the filter is in force: init to start, watch and reap the command, the
/// command's process to take its last steps down. To deny one of these is an error.
pub const NEEDED: &str = "
    read write close close_range dup3 fcntl openat chdir fchdir ioctl pipe2 ppoll sendmsg recvmsg clone execve execveat
    exit_group wait4 waitid kill pidfd_open pidfd_send_signal prlimit64 prctl capget capset setsid setpgid getpid
    rt_sigaction rt_sigprocmask rt_sigreturn signalfd4 timerfd_create timerfd_settime mmap munmap mprotect brk futex
    landlock_create_ruleset landlock_add_rule landlock_restrict_self rt_sigtimedwait getcwd umask";
