/* What the command leaves running. A survivor holds /shared/life open, and ends when nobody reads that. */
#include "attack.h"
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static int life(void) {
    int fd = open("/shared/life", O_WRONLY | O_CLOEXEC);
    if (fd < 0) exit(not_tried("/shared/life"));
    return fd;
}

static void ignore_everything(void) {
    for (int number = 1; number < 65; number++) signal(number, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, 0);
}

/* Until nobody is interested, a minute at most. */
static void live(int fd) { poll(&(struct pollfd){fd, 0, 0}, 1, 60000); }

/* A session of its own, no parent, deaf. */
static int become_daemon(void) {
    pid_t first = fork();
    if (first < 0) exit(not_tried("fork"));
    if (first) return waitpid(first, NULL, 0), 0;
    setsid();
    if (fork()) _exit(0);
    ignore_everything();
    return 1;
}

/* leave WAY: as a daemon, or as a sister of the command, and so a child of init. */
ATTACK(leave) {
    int fd = life(), sister = !strcmp(args[0], "sister");
    int left = sister ? !syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0) : become_daemon();
    if (left) {
        ignore_everything();
        for (int stdio = 0; stdio < 3; stdio++) close(stdio);
        live(fd);
        _exit(0);
    }
    return stopped("the end of the run");
}

/* It speaks when the run is over: after the end of init, whose number is the parent's. */
ATTACK(speak_after) {
    int init = (int)syscall(SYS_pidfd_open, getppid(), 0);
    if (init < 0) return not_tried("pidfd_open");
    if (become_daemon()) {
        if (poll(&(struct pollfd){init, POLLIN, 0}, 1, 10000) == 1) (void)!write(1, "outlived\n", 9);
        _exit(0);
    }
    return stopped("the end of the run");
}

/* A crowd, half of it stopped. Those that run wake the others when nobody reads /shared/life any more. */
static void crowd(int fd) {
    pid_t stopped[4];
    for (int i = 0; i < 8; i++) {
        pid_t child = fork();
        if (child < 0) exit(not_tried("fork"));
        if (i < 4) stopped[i] = child;
        if (child) continue;
        if (i % 2) setsid();
        if (i < 4) raise(SIGSTOP);
        live(fd);
        for (int other = 0; i >= 4 && other < 4; other++) kill(stopped[other], SIGCONT);
        _exit(0);
    }
}

/* All deaf, init asked to stop and to end; then, at /shared/ready, word that the supervisor may be told to end it all. */
ATTACK(resist) {
    int fd = life(), ready = open("/shared/ready", O_WRONLY | O_CLOEXEC);
    if (ready < 0) return not_tried("/shared/ready");
    ignore_everything();
    crowd(fd);
    kill(getppid(), SIGSTOP);
    kill(getppid(), SIGKILL);
    if (write(ready, "ready\n", 6) != 6) return not_tried("write");
    live(fd);
    return stopped("nothing");
}

/* outstay MILLISECONDS: deaf, with a stopped child and a timer of its own, and with init asked to wait. */
ATTACK(outstay) {
    struct timespec until;
    ignore_everything();
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 1000}, {0, 1000}}, NULL);
    pid_t child = fork();
    if (child < 0) return not_tried("fork");
    if (!child) return raise(SIGSTOP), 0;
    kill(getppid(), SIGSTOP);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += atol(args[0]) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL)) {}
    return escaped("still there after %s ms", args[0]);
}

ATTACKS({"leave", leave}, {"speak-after", speak_after}, {"resist", resist}, {"outstay", outstay})
