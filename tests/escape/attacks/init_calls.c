/* What calls with a process number do to PID 1: its limits, its place among processes that wait, its signals. */
#include "attack.h"
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { WHO_PROCESS = 1, WHO_USER = 3, IDLE_CLASS = 3 << 13 }; /* ioprio_set(2) */
enum { END = 40 };                                            /* the supervisor's word to init */

/* The kernel takes 32 bits of a process number, a filter may look at all 64. */
#define GARBAGE (1L << 32 | 1)

ATTACK(limit) {
    struct rlimit none = {0, 0};
    if (!syscall(SYS_prlimit64, GARBAGE, RLIMIT_CORE, &none, NULL)) return escaped("prlimit64 with garbage");
    return tried("prlimit64", syscall(SYS_prlimit64, 1, RLIMIT_CORE, &none, NULL));
}

ATTACK(pin) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    return tried("sched_setaffinity", sched_setaffinity(1, sizeof one, &one));
}

ATTACK(schedule) {
    struct sched_param zero = {0};
    struct {
        unsigned size, policy;
        unsigned long long flags;
        int nice;
        unsigned priority;
        unsigned long long runtime, deadline, period;
    } attributes = {.size = 48, .policy = SCHED_IDLE};
    if (!strcmp(args[0], "setparam")) return tried("sched_setparam", sched_setparam(1, &zero));
    if (!strcmp(args[0], "setattr")) return tried("sched_setattr", syscall(SYS_sched_setattr, 1, &attributes, 0));
    return tried("sched_setscheduler", sched_setscheduler(1, SCHED_IDLE, &zero));
}

ATTACK(nice_it) {
    if (!strcmp(args[0], "user")) return tried("setpriority", setpriority(PRIO_USER, 0, 19));
    return tried("setpriority", setpriority(PRIO_PROCESS, 1, 19));
}

ATTACK(disk) {
    int user = !strcmp(args[0], "user");
    return tried("ioprio_set", syscall(SYS_ioprio_set, user ? WHO_USER : WHO_PROCESS, user ? getuid() : 1, IDLE_CLASS));
}

/* Init is the parent: 1 where it has a PID namespace, and its number on the host where it has none. */
ATTACK(kill_it) {
    int init = (int)syscall(SYS_pidfd_open, getppid(), 0);
    if (init < 0) return not_tried("pidfd_open");
    if (kill(getppid(), SIGKILL)) return stopped("kill");
    return poll(&(struct pollfd){init, POLLIN, 0}, 1, 1000) == 1 ? escaped("it is dead") : stopped("it lives");
}

ATTACK(stop_it) {
    char path[32], stat[64];
    if (kill(getppid(), SIGSTOP)) return stopped("kill");
    snprintf(path, sizeof path, "/proc/%d/stat", getppid());
    /* Init is 1 where it must go on, and there a moment shows it. */
    for (int rounds = getppid() == 1 ? 200 : 60000; rounds > 0; rounds--, usleep(1000)) {
        if (slurp(path, stat, sizeof stat) <= 0) return not_tried(path);
        if (strstr(stat, ") T ")) return kill(getppid(), SIGCONT), escaped("%s", path);
    }
    return stopped("it runs");
}

/* The word of the supervisor, said from inside, each time as if from nobody. Who was heard does not come to his answer. */
ATTACK(say_end) {
    siginfo_t forged = {.si_signo = END, .si_code = SI_USER}, queued = {.si_signo = END, .si_code = SI_QUEUE};
    int pidfd = (int)syscall(SYS_pidfd_open, 1, 0);
    int said = !kill(1, END) + !syscall(SYS_rt_sigqueueinfo, 1, END, &forged) +
               !syscall(SYS_rt_sigqueueinfo, 1, END, &queued) + !syscall(SYS_rt_tgsigqueueinfo, 1, 1, END, &forged) +
               !syscall(SYS_pidfd_send_signal, pidfd, END, &forged, 0) +
               !syscall(SYS_pidfd_send_signal, pidfd, END, NULL, 0);
    if (said) sleep(5);
    return stopped("kill");
}

ATTACKS({"limit", limit}, {"pin", pin}, {"schedule", schedule}, {"nice", nice_it}, {"disk", disk}, {"kill", kill_it},
        {"stop", stop_it}, {"say-end", say_end})
