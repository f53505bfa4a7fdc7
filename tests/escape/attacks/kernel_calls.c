/* System calls that the filter refuses: what the kernel itself would answer an unprivileged process. */
#include "attack.h"
#include "outside.h"
#include <linux/io_uring.h>
#include <linux/kcmp.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

enum { REFUSED_PERSONALITY = READ_IMPLIES_EXEC };

/* One call that the filter refuses by its argument, and the kernel grants everyone. */
static long refused(void) { return syscall(SYS_personality, REFUSED_PERSONALITY); }

ATTACK(map_executable) { return tried("personality", refused()); }
ATTACK(high_bits) { return tried("personality", syscall(SYS_personality, 0x100000000 | REFUSED_PERSONALITY)); }

static void *in_thread(void *answer) {
    *(int *)answer = tried("personality in a thread", refused());
    return NULL;
}

ATTACK(by_thread) {
    pthread_t thread;
    int answer = NOT_TRIED;
    if (pthread_create(&thread, NULL, in_thread, &answer) || pthread_join(thread, NULL)) return not_tried("pthread_create");
    return answer;
}

ATTACK(by_child) {
    int status;
    pid_t child = fork();
    if (!child) _exit(tried("personality in a child", refused()));
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : not_tried("fork");
}

ATTACK(after_execve) { return execl("/proc/self/exe", "kernel_calls", "map-executable", NULL), not_tried("execl"); }

/* Switch the filter off, then put one above it that lets everything through. */
ATTACK(without_filter) {
    struct { uint16_t code; uint8_t yes, no; uint32_t value; } allow = {0x06, 0, 0, 0x7fff0000};
    struct { uint16_t length; void *code; } program = {1, &allow};
    prctl(PR_SET_SECCOMP, 0, 0, 0, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &program, 0, 0)) return not_tried("PR_SET_SECCOMP");
    return tried("personality", refused());
}

ATTACK(set_up_ring) {
    struct io_uring_params params = {0};
    return tried("io_uring_setup", syscall(SYS_io_uring_setup, 1, &params));
}

ATTACK(stop_at_page_faults) { return tried("userfaultfd", syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY)); }

ATTACK(count_events) {
    struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE, .size = sizeof event, .config = PERF_COUNT_SW_TASK_CLOCK};
    event.exclude_kernel = event.exclude_hv = 1;
    return tried("perf_event_open", syscall(SYS_perf_event_open, &event, 0, -1, -1, 0));
}

ATTACK(watch_mounts) { return tried("fanotify_init", syscall(SYS_fanotify_init, FAN_CLASS_NOTIF | FAN_REPORT_FID, O_RDONLY)); }
ATTACK(compare_kernel_pointers) { return tried("kcmp", syscall(SYS_kcmp, getpid(), getpid(), KCMP_VM, 0, 0)); }

ATTACK(trace_child) {
    pid_t child = fork();
    if (!child) _exit(tried("PTRACE_TRACEME", ptrace(PTRACE_TRACEME, 0, NULL, NULL)));
    int status;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : not_tried("fork");
}

ATTACK(read_memory) {
    char from[4] = "abc", to[4];
    struct iovec here = {to, 4}, there = {from, 4};
    return tried("process_vm_readv", process_vm_readv(getpid(), &here, 1, &there, 1, 0));
}

ATTACK(place_memory) { return tried("mbind", syscall(SYS_mbind, 0, 0, 0, NULL, 0, 0)); }

/* What only an administrator may: asked with arguments at which the kernel looks before it looks who asks. */
static int reaches(const char *call, long answer, int kernel) {
    return answer < 0 && errno == kernel ? escaped("%s is the kernel's to answer", call) : tried(call, answer);
}

ATTACK(set_clock) { return reaches("clock_settime", syscall(SYS_clock_settime, 99, &(struct timespec){0}), EINVAL); }
ATTACK(ask_quota) { return reaches("quotactl", syscall(SYS_quotactl, 0xff, NULL, 0, NULL), EINVAL); }
ATTACK(open_by_handle) { return reaches("open_by_handle_at", syscall(SYS_open_by_handle_at, -1, NULL, 0), EFAULT); }
ATTACK(delete_key_type) { return reaches("keyctl", syscall(SYS_keyctl, 0x7fff, 0, 0, 0, 0), EOPNOTSUPP); }

#ifdef __x86_64__
ATTACK(read_segments) { return tried("modify_ldt", syscall(SYS_modify_ldt, 0, &(char[16]){0}, 16L)); }

/* personality is 136 at the 32-bit entry; in the native table that is another call. */
ATTACK(by_32_bit_entry) {
    long answer;
    __asm__ volatile("int $0x80" : "=a"(answer) : "a"(136L), "b"((long)REFUSED_PERSONALITY) : "memory", "r8", "r9", "r10", "r11");
    errno = (int)answer < 0 ? -(int)answer : 0;
    return tried("personality of i386", errno ? -1 : 0);
}
#else
ATTACK(read_segments) { return not_tried("modify_ldt"); }
ATTACK(by_32_bit_entry) { return not_tried("int 0x80"); }
#endif

ATTACKS({"map-executable", map_executable}, {"high-bits", high_bits}, {"by-thread", by_thread}, {"by-child", by_child},
        {"after-execve", after_execve}, {"without-filter", without_filter}, {"by-32-bit-entry", by_32_bit_entry},
        {"set-up-ring", set_up_ring}, {"stop-at-page-faults", stop_at_page_faults}, {"count-events", count_events},
        {"watch-mounts", watch_mounts}, {"compare-kernel-pointers", compare_kernel_pointers},
        {"trace-child", trace_child}, {"read-memory", read_memory}, {"place-memory", place_memory},
        {"set-clock", set_clock}, {"ask-quota", ask_quota}, {"open-by-handle", open_by_handle},
        {"delete-key-type", delete_key_type}, {"read-segments", read_segments})
