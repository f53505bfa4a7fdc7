/* What the command does to a process of the host, whose number is in /shared/victim, and to the process group that it was started in. */
#include "attack.h"
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { WHO_PROCESS_GROUP = 2, IDLE_CLASS = 3 << 13 }; /* ioprio_set(2) */

static pid_t victim(void) {
    char number[32];
    if (slurp("/shared/victim", number, sizeof number) <= 0) exit(not_tried("/shared/victim"));
    return atoi(number);
}

/* Its command line, as ps(1) shows it. */
ATTACK(see) {
    char path[64], line[64];
    snprintf(path, sizeof path, "/proc/%d/cmdline", victim());
    return slurp(path, line, sizeof line) > 0 && !strcmp(line, "cat") ? escaped("%s: %s", path, line) : stopped(path);
}

/* signal CALL: by each call that sends one. */
ATTACK(signal_it) {
    pid_t it = victim();
    if (!strcmp(args[0], "kill")) return tried("kill", kill(it, SIGKILL));
    if (!strcmp(args[0], "tkill")) return tried("tkill", syscall(SYS_tkill, it, SIGKILL));
    if (!strcmp(args[0], "tgkill")) return tried("tgkill", syscall(SYS_tgkill, it, it, SIGKILL));
    if (!strcmp(args[0], "sigqueue")) return tried("sigqueue", sigqueue(it, SIGKILL, (union sigval){.sival_int = 0}));
    if (!strcmp(args[0], "killpg")) {
        pid_t group = getpgid(it);
        return group > 1 ? tried("killpg", killpg(group, SIGTERM)) : stopped("getpgid");
    }
    int pidfd = (int)syscall(SYS_pidfd_open, it, 0);
    return pidfd < 0 ? stopped("pidfd_open")
                     : tried("pidfd_send_signal", syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0));
}

ATTACK(limit) { return tried("prlimit", prlimit(victim(), RLIMIT_CPU, &(struct rlimit){1, 1}, NULL)); }
ATTACK(nice_it) { return tried("setpriority", setpriority(PRIO_PROCESS, victim(), 7)); }

ATTACK(schedule) {
    return tried("sched_setscheduler", sched_setscheduler(victim(), SCHED_IDLE, &(struct sched_param){0}));
}

ATTACK(pin) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    return tried("sched_setaffinity", sched_setaffinity(victim(), sizeof one, &one));
}

/* write NAME VALUE: a file of its directory in /proc. */
ATTACK(write_proc) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", victim(), args[0]);
    int fd = open(path, O_WRONLY);
    return fd < 0 ? stopped(path) : tried(path, write(fd, args[1], strlen(args[1])));
}

/* The sandbox was started with nice 5: is a process with less among those of the user? Only asked, or it would hit bystanders. */
ATTACK(reach_user) {
    errno = 0;
    int best = getpriority(PRIO_USER, 0);
    if (errno) return not_tried("getpriority");
    errno = ESRCH;
    return best < 5 ? escaped("a process with nice %d", best) : stopped("getpriority");
}

/* io-signal process|group: the kernel sends the signal, for a socket that was said to be the other's. */
ATTACK(io_signal) {
    int group = !strcmp(args[0], "group"), pair[2];
    pid_t it = victim(), owner = group ? getpgid(it) : it;
    if (owner < 0) return stopped("getpgid");
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) return not_tried("socketpair");
    signal(SIGIO, SIG_IGN);
    if (fcntl(pair[0], F_SETOWN, group ? -owner : owner)) return stopped("F_SETOWN");
    if (fcntl(pair[0], F_SETFL, O_ASYNC | O_NONBLOCK)) return not_tried("O_ASYNC");
    return write(pair[1], "x", 1) == 1 ? escaped("whoever hears it") : not_tried("write");
}

/* The group keeps its struct pid across PID namespaces: 0 means the caller's, whose number is not even visible. */
ATTACK(signal_group) {
    signal(SIGUSR1, SIG_IGN);
    return tried("kill", kill(0, SIGUSR1));
}

ATTACK(nice_group) { return tried("setpriority", setpriority(PRIO_PGRP, 0, 7)); }
ATTACK(io_group) { return tried("ioprio_set", syscall(SYS_ioprio_set, WHO_PROCESS_GROUP, 0, IDLE_CLASS)); }

ATTACKS({"see", see}, {"signal", signal_it}, {"limit", limit}, {"nice", nice_it}, {"schedule", schedule}, {"pin", pin},
        {"write", write_proc}, {"reach-user", reach_user}, {"io-signal", io_signal}, {"signal-group", signal_group},
        {"nice-group", nice_group}, {"io-group", io_group})
