/* What the command does to PID 1, which has its user id: reading it, taking from it, tuning it. */
#include "attack.h"
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* Where its first mapping begins, or 0. */
static unsigned long mapped(void) {
    char line[64];
    return slurp("/proc/1/maps", line, sizeof line) > 0 ? strtoul(line, NULL, 16) : 0;
}

ATTACK(attach) {
    if (!ptrace(PTRACE_SEIZE, 1, 0, 0)) return escaped("PTRACE_SEIZE");
    if (!ptrace(PTRACE_ATTACH, 1, 0, 0)) return escaped("PTRACE_ATTACH");
    return stopped("ptrace");
}

/* Writing back what was read harms nobody, and is proof enough. */
ATTACK(memory) {
    char bytes[16];
    int fd = open("/proc/1/mem", O_RDWR);
    if (fd < 0) return stopped("/proc/1/mem");
    off_t at = (off_t)mapped();
    if (!at || pread(fd, bytes, sizeof bytes, at) != sizeof bytes) return stopped("read");
    return tried("write", pwrite(fd, bytes, sizeof bytes, at));
}

ATTACK(vm_read) {
    char bytes[16];
    struct iovec here = {bytes, sizeof bytes}, there = {(void *)mapped(), sizeof bytes};
    return tried("process_vm_readv", process_vm_readv(1, &here, 1, &there, 1, 0));
}

/* Its stack is written where nothing was read: the kernel asks for permission before it looks at addresses. */
ATTACK(vm_write) {
    char bytes[16] = "";
    struct iovec here = {bytes, sizeof bytes}, there = {(void *)8, sizeof bytes};
    long wrote = process_vm_writev(1, &here, 1, &there, 1, 0);
    return wrote >= 0 || errno == EFAULT ? escaped("process_vm_writev") : stopped("process_vm_writev");
}

/* read NAME [WORD]: a file of its directory in /proc, or the same of its thread; something in it, or just that word. */
ATTACK(read_file) {
    static const char *const places[] = {"/proc/1/%s", "/proc/1/task/1/%s"};
    static char text[1 << 16];
    for (int i = 0; i < 2; i++) {
        char path[64];
        snprintf(path, sizeof path, places[i], args[0]);
        int size = slurp(path, text, sizeof text);
        if (size > 0 && (!args[1] || memmem(text, (size_t)size, args[1], strlen(args[1])))) return escaped("%s", path);
    }
    return stopped(args[0]);
}

/* open NAME read|write|directory: what one of its links leads to. Being executed (ETXTBSY) is the last thing in the way of a write. */
ATTACK(open_link) {
    char path[64];
    int flags = *args[1] == 'w' ? O_WRONLY : *args[1] == 'd' ? O_RDONLY | O_DIRECTORY : O_RDONLY;
    snprintf(path, sizeof path, "/proc/1/%s", args[0]);
    int fd = open(path, flags);
    return fd >= 0 || errno == ETXTBSY ? escaped("%s", path) : stopped(path);
}

ATTACK(list_descriptors) {
    char path[64], target[64];
    for (int fd = 0; fd < 64; fd++) {
        snprintf(path, sizeof path, "/proc/1/fd/%d", fd);
        if (readlink(path, target, sizeof target) > 0) return escaped("%s", path);
        if (errno != ENOENT) return stopped(path);
    }
    return not_tried("/proc/1/fd");
}

/* join file|process: by its file in /proc, or by init itself. */
ATTACK(join_namespace) {
    int by_file = !strcmp(args[0], "file");
    int fd = by_file ? open("/proc/1/ns/uts", O_RDONLY) : (int)syscall(SYS_pidfd_open, 1, 0);
    return fd < 0 ? stopped("/proc/1/ns/uts") : tried("setns", setns(fd, CLONE_NEWUTS));
}

/* Where a thread keeps the locks that it holds: an address. */
ATTACK(find_locks) {
    void *list;
    size_t size;
    return tried("get_robust_list", syscall(SYS_get_robust_list, 1, &list, &size));
}

/* Whose memory is whose: an order of kernel addresses. */
ATTACK(compare) {
    long order = syscall(SYS_kcmp, 1, getpid(), KCMP_VM, 0, 0);
    return tried("kcmp", order);
}

ATTACK(count_events) {
    struct perf_event_attr clock = {.type = PERF_TYPE_SOFTWARE, .size = sizeof clock, .config = PERF_COUNT_SW_TASK_CLOCK};
    clock.exclude_kernel = clock.exclude_hv = 1;
    return tried("perf_event_open", syscall(SYS_perf_event_open, &clock, 1, -1, -1, 0));
}

static int steal(int number) {
    int pidfd = (int)syscall(SYS_pidfd_open, 1, 0);
    if (pidfd < 0) exit(not_tried("pidfd_open"));
    return (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
}

ATTACK(steal_descriptor) {
    for (int number = 0; number < 64; number++) {
        if (steal(number) >= 0) return escaped("descriptor %d", number);
        if (errno != EBADF) break;
    }
    return stopped("pidfd_getfd");
}

/* Speaks to the supervisor in init's place, and lets it have the time to hear it: the link ends only with the run. */
ATTACK(speak_for_init) {
    for (int number = 0; number < 64; number++) {
        int link = steal(number);
        if (link < 0 || send(link, "no record at all", 16, MSG_NOSIGNAL) != 16) continue;
        sleep(1);
        return escaped("the link");
    }
    return stopped("pidfd_getfd");
}

/* write NAME VALUE: a setting of its directory in /proc. */
ATTACK(write_file) {
    char path[64];
    snprintf(path, sizeof path, "/proc/1/%s", args[0]);
    int fd = open(path, O_WRONLY);
    return fd < 0 ? stopped(path) : tried(path, write(fd, args[1], strlen(args[1])));
}

ATTACKS({"attach", attach}, {"memory", memory}, {"vm-read", vm_read}, {"vm-write", vm_write}, {"read", read_file},
        {"open", open_link}, {"list-descriptors", list_descriptors}, {"join", join_namespace}, {"find-locks", find_locks}, {"compare", compare}, {"count-events", count_events},
        {"steal-descriptor", steal_descriptor}, {"speak-for-init", speak_for_init}, {"write", write_file})
