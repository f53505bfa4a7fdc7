//! Call names and their numbers, of both architectures on either, so that one machine tests both.
//!
//! From the kernel's own tables (`arch/x86/entry/syscalls/syscall_64.tbl`, `scripts/syscall.tbl`) as of Linux 7.0.

use super::policy::POLICY;
use super::{Arch, words};

/// One of an architecture, without its name: a table of names would have to be relocated at each start.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// As in the kernel's table.
    pub number: u16,
    /// Its group's place in [`POLICY`].
    pub group: u8,
}

/// Every call of `arch` that Linux has a number for, by number.
pub fn calls(arch: Arch) -> &'static [Call] {
    match arch {
        Arch::X86_64 => &X86_64_CALLS,
        Arch::Aarch64 => &AARCH64_CALLS,
    }
}

/// Their numbers and names.
pub fn table(arch: Arch) -> impl Iterator<Item = (u32, &'static str)> {
    let own = match arch {
        Arch::X86_64 => X86_64,
        Arch::Aarch64 => AARCH64,
    };
    let names = own.split_ascii_whitespace().chain(COMMON.split_ascii_whitespace());
    calls(arch).iter().map(|call| call.number.into()).zip(names.filter(|word| word.parse::<u32>().is_err()))
}

/// Is `name` a system call, here or on another architecture? (A profile that names `open` is for both: aarch64 has
/// only `openat`, and nothing to filter.)
pub fn exists(name: &str) -> bool {
    every_name().any(|known| known == name)
}

/// The call that was probably meant.
pub fn nearest(name: &str) -> Option<&'static str> {
    every_name()
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len() / 3)
        .map(|(_, known)| known)
}

fn every_name() -> impl Iterator<Item = &'static str> {
    [Arch::X86_64, Arch::Aarch64].into_iter().flat_map(table).map(|(_, name)| name)
}

static X86_64_CALLS: [Call; count(X86_64)] = numbered(X86_64);
static AARCH64_CALLS: [Call; count(AARCH64)] = numbered(AARCH64);

/// Names, but not the numbers between them.
const fn count(own: &str) -> usize {
    let both = [own, COMMON];
    let (mut count, mut lists) = (0, both.as_slice());
    while let [list, rest @ ..] = lists {
        let mut at = 0;
        while let Some((word, end)) = words::next(list, at) {
            (count, at) = (count + words::number(word).is_none() as usize, end);
        }
        lists = rest;
    }
    count
}

const fn numbered<const COUNT: usize>(own: &str) -> [Call; COUNT] {
    let mut calls = [Call { number: 0, group: 0 }; COUNT];
    let both = [own, COMMON];
    let (mut filled, mut next, mut lists) = (0, 0, both.as_slice());
    while let [list, rest @ ..] = lists {
        let mut at = 0;
        while let Some((word, end)) = words::next(list, at) {
            match words::number(word) {
                Some(number) => next = number as u16,
                None => {
                    calls[filled] = Call { number: next, group: group(word) };
                    (filled, next) = (filled + 1, next + 1);
                }
            }
            at = end;
        }
        lists = rest;
    }
    calls
}

/// Does not compile with a call that the policy does not name.
const fn group(name: &str) -> u8 {
    let mut at = 0;
    while !words::equal(IN_POLICY[at].0, name) {
        at += 1;
    }
    IN_POLICY[at].1
}

/// Every name of the policy and its group.
const IN_POLICY: [(&str, u8); words_of_policy()] = {
    let mut names = [("", 0); words_of_policy()];
    let (mut filled, mut group) = (0, 0);
    while group < POLICY.len() {
        let mut at = 0;
        while let Some((name, end)) = words::next(POLICY[group].calls, at) {
            names[filled] = (name, group as u8);
            (filled, at) = (filled + 1, end);
        }
        group += 1;
    }
    names
};

const fn words_of_policy() -> usize {
    let (mut count, mut group) = (0, 0);
    while group < POLICY.len() {
        count += words::count(POLICY[group].calls);
        group += 1;
    }
    count
}

// Names in the order of their numbers; a number is that of the name after it.

const X86_64: &str = "
0 read write open close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask
rt_sigreturn ioctl pread64 pwrite64 readv writev access pipe select sched_yield mremap msync mincore madvise shmget
shmat shmctl dup dup2 pause nanosleep getitimer alarm setitimer getpid sendfile socket connect accept sendto
recvfrom sendmsg recvmsg shutdown bind listen getsockname getpeername socketpair setsockopt getsockopt clone fork
vfork execve exit wait4 kill uname semget semop semctl shmdt msgget msgsnd msgrcv msgctl fcntl flock fsync
fdatasync truncate ftruncate getdents getcwd chdir fchdir rename mkdir rmdir creat link unlink symlink readlink
chmod fchmod chown fchown lchown umask gettimeofday getrlimit getrusage sysinfo times ptrace getuid syslog getgid
setuid setgid geteuid getegid setpgid getppid getpgrp setsid setreuid setregid getgroups setgroups setresuid
getresuid setresgid getresgid getpgid setfsuid setfsgid getsid capget capset rt_sigpending rt_sigtimedwait
rt_sigqueueinfo rt_sigsuspend sigaltstack utime mknod uselib personality ustat statfs fstatfs sysfs getpriority
setpriority sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_get_priority_max
sched_get_priority_min sched_rr_get_interval mlock munlock mlockall munlockall vhangup modify_ldt pivot_root
_sysctl prctl arch_prctl adjtimex setrlimit chroot sync acct settimeofday mount umount2 swapon swapoff reboot
sethostname setdomainname iopl ioperm create_module init_module delete_module get_kernel_syms query_module quotactl
nfsservctl getpmsg putpmsg afs_syscall tuxcall security gettid readahead setxattr lsetxattr fsetxattr getxattr
lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr lremovexattr fremovexattr tkill time futex
sched_setaffinity sched_getaffinity set_thread_area io_setup io_destroy io_getevents io_submit io_cancel
get_thread_area lookup_dcookie epoll_create epoll_ctl_old epoll_wait_old remap_file_pages getdents64
set_tid_address restart_syscall semtimedop fadvise64 timer_create timer_settime timer_gettime timer_getoverrun
timer_delete clock_settime clock_gettime clock_getres clock_nanosleep exit_group epoll_wait epoll_ctl tgkill utimes
vserver mbind set_mempolicy get_mempolicy mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr
kexec_load waitid add_key request_key keyctl ioprio_set ioprio_get inotify_init inotify_add_watch inotify_rm_watch
migrate_pages openat mkdirat mknodat fchownat futimesat newfstatat unlinkat renameat linkat symlinkat readlinkat
fchmodat faccessat pselect6 ppoll unshare set_robust_list get_robust_list splice tee sync_file_range vmsplice
move_pages utimensat epoll_pwait signalfd timerfd_create eventfd fallocate timerfd_settime timerfd_gettime accept4
signalfd4 eventfd2 epoll_create1 dup3 pipe2 inotify_init1 preadv pwritev rt_tgsigqueueinfo perf_event_open recvmmsg
fanotify_init fanotify_mark prlimit64 name_to_handle_at open_by_handle_at clock_adjtime syncfs sendmmsg setns
getcpu process_vm_readv process_vm_writev kcmp finit_module sched_setattr sched_getattr renameat2 seccomp getrandom
memfd_create kexec_file_load bpf execveat userfaultfd membarrier mlock2 copy_file_range preadv2 pwritev2
pkey_mprotect pkey_alloc pkey_free statx io_pgetevents rseq uretprobe uprobe";

const AARCH64: &str = "
0 io_setup io_destroy io_submit io_cancel io_getevents setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr
listxattr llistxattr flistxattr removexattr lremovexattr fremovexattr getcwd lookup_dcookie eventfd2 epoll_create1
epoll_ctl epoll_pwait dup dup3 fcntl inotify_init1 inotify_add_watch inotify_rm_watch ioctl ioprio_set ioprio_get
flock mknodat mkdirat unlinkat symlinkat linkat renameat umount2 mount pivot_root nfsservctl statfs fstatfs
truncate ftruncate fallocate faccessat chdir fchdir chroot fchmod fchmodat fchownat fchown openat close vhangup
pipe2 quotactl getdents64 lseek read write readv writev pread64 pwrite64 preadv pwritev sendfile pselect6 ppoll
signalfd4 vmsplice splice tee readlinkat newfstatat fstat sync fsync fdatasync sync_file_range timerfd_create
timerfd_settime timerfd_gettime utimensat acct capget capset personality exit exit_group waitid set_tid_address
unshare futex set_robust_list get_robust_list nanosleep getitimer setitimer kexec_load init_module delete_module
timer_create timer_gettime timer_getoverrun timer_settime timer_delete clock_settime clock_gettime clock_getres
clock_nanosleep syslog ptrace sched_setparam sched_setscheduler sched_getscheduler sched_getparam sched_setaffinity
sched_getaffinity sched_yield sched_get_priority_max sched_get_priority_min sched_rr_get_interval restart_syscall
kill tkill tgkill sigaltstack rt_sigsuspend rt_sigaction rt_sigprocmask rt_sigpending rt_sigtimedwait
rt_sigqueueinfo rt_sigreturn setpriority getpriority reboot setregid setgid setreuid setuid setresuid getresuid
setresgid getresgid setfsuid setfsgid times setpgid getpgid getsid setsid getgroups setgroups uname sethostname
setdomainname getrlimit setrlimit getrusage umask prctl getcpu gettimeofday settimeofday adjtimex getpid getppid
getuid geteuid getgid getegid gettid sysinfo mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr
msgget msgctl msgrcv msgsnd semget semctl semtimedop semop shmget shmctl shmat shmdt socket socketpair bind listen
accept connect getsockname getpeername sendto recvfrom setsockopt getsockopt shutdown sendmsg recvmsg readahead brk
munmap mremap add_key request_key keyctl clone execve mmap fadvise64 swapon swapoff mprotect msync mlock munlock
mlockall munlockall mincore madvise remap_file_pages mbind get_mempolicy set_mempolicy migrate_pages move_pages
rt_tgsigqueueinfo perf_event_open accept4 recvmmsg 260 wait4 prlimit64 fanotify_init fanotify_mark
name_to_handle_at open_by_handle_at clock_adjtime syncfs setns sendmmsg process_vm_readv process_vm_writev kcmp
finit_module sched_setattr sched_getattr renameat2 seccomp getrandom memfd_create bpf execveat userfaultfd
membarrier mlock2 copy_file_range preadv2 pwritev2 pkey_mprotect pkey_alloc pkey_free statx io_pgetevents rseq
kexec_file_load";

/// From 424 on, all architectures count alike.
const COMMON: &str = "
424 pidfd_send_signal io_uring_setup io_uring_enter io_uring_register open_tree move_mount fsopen fsconfig fsmount
fspick pidfd_open clone3 close_range openat2 pidfd_getfd faccessat2 process_madvise epoll_pwait2 mount_setattr
quotactl_fd landlock_create_ruleset landlock_add_rule landlock_restrict_self memfd_secret process_mrelease
futex_waitv set_mempolicy_home_node cachestat fchmodat2 map_shadow_stack futex_wake futex_wait futex_requeue
statmount listmount lsm_get_self_attr lsm_set_self_attr lsm_list_modules mseal setxattrat getxattrat listxattrat
removexattrat open_tree_attr file_getattr file_setattr listns rseq_slice_yield";

#[cfg(test)]
mod tests {
    use super::*;
    use nix::libc;
    use std::collections::BTreeMap;

    fn numbers(arch: Arch) -> BTreeMap<&'static str, u32> {
        table(arch).map(|(number, name)| (name, number)).collect()
    }

    #[test]
    fn the_tables_agree_with_the_c_library_on_this_architecture() {
        let here = numbers(Arch::native());
        for (name, number) in [
            ("read", libc::SYS_read),
            ("ioctl", libc::SYS_ioctl),
            ("clone", libc::SYS_clone),
            ("getdents64", libc::SYS_getdents64),
            ("exit_group", libc::SYS_exit_group),
            ("openat", libc::SYS_openat),
            ("prlimit64", libc::SYS_prlimit64),
            ("statx", libc::SYS_statx),
            ("rseq", libc::SYS_rseq),
            ("clone3", libc::SYS_clone3),
            ("landlock_restrict_self", libc::SYS_landlock_restrict_self),
        ] {
            assert_eq!(i64::from(here[name]), number, "{name}");
        }
    }

    #[test]
    fn numbers_and_names_are_unique_and_in_order() {
        for arch in [Arch::X86_64, Arch::Aarch64] {
            assert!(table(arch).is_sorted_by(|a, b| a.0 < b.0));
            assert_eq!(numbers(arch).len(), calls(arch).len());
        }
    }

    #[test]
    fn the_marks_at_both_ends_are_where_the_kernel_has_them() {
        let (x86_64, aarch64) = (numbers(Arch::X86_64), numbers(Arch::Aarch64));
        assert_eq!((x86_64["execve"], aarch64["execve"]), (59, 221));
        assert_eq!((x86_64["uprobe"], aarch64["kexec_file_load"]), (336, 294));
        for both in [&x86_64, &aarch64] {
            assert_eq!((both["openat2"], both["setxattrat"], both["open_tree_attr"]), (437, 463, 467));
            assert_eq!((both["file_setattr"], both["listns"], both["rseq_slice_yield"]), (469, 470, 471));
        }
    }

    #[test]
    fn a_mistyped_call_finds_its_neighbour_and_nonsense_none() {
        assert!(exists("open") && exists("ptrace") && !exists("ptrase"));
        assert_eq!(nearest("ptrase"), Some("ptrace"));
        assert_eq!(nearest("io_uring_setpu"), Some("io_uring_setup"));
        assert_eq!(nearest("frobnicate_everything"), None);
    }
}
