/* What the kernel counts per user, which is the caller and the command together. `outside KIND SANDBOX...` runs the command, waits until it
   has taken all it can, and tries whether the caller still gets one. Inside, `take KIND` takes them, and holds them until its input ends. */
#include "attack.h"
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static int take_inotify(int number __attribute__((unused))) { return inotify_init1(IN_CLOEXEC); }

/* One more blocked real-time signal that waits for this process. */
static int take_signal(int number) { return sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = number}); }

/* Kept open, and without a name. */
static int take_queue(int number) {
    char name[64];
    snprintf(name, sizeof name, "/sandbox-attack-%d-%d", getpid(), number);
    mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &(struct mq_attr){.mq_maxmsg = 10, .mq_msgsize = 1024});
    if (queue != (mqd_t)-1) mq_unlink(name);
    return queue;
}

static int take_process(int number __attribute__((unused))) {
    pid_t child = fork();
    if (child) return child;
    syscall(SYS_close_range, 0, ~0u, 0); /* the end that says when to end is the caller's alone */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sleep(30);
    _exit(0);
}

/* Each with the caller's limit of it; that of inotify is none of setrlimit(2). */
static const struct kind {
    const char *name;
    int (*take)(int number);
    int resource;
    rlim_t most;
} kinds[] = {
    {"inotify", take_inotify, RLIMIT_CORE, 0},
    {"signals", take_signal, RLIMIT_SIGPENDING, 400},
    {"queues", take_queue, RLIMIT_MSGQUEUE, 400000},
    {"processes", take_process, RLIMIT_NPROC, 200},
};

static const struct kind *kind(const char *name) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i].name, name)) return &kinds[i];
    exit(not_tried(name));
}

static void block_signals(void) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
}

ATTACK(take) {
    const struct kind *what = kind(*args);
    block_signals();
    int taken = 0;
    while (taken < 1000 && what->take(taken) >= 0) taken++;
    if (!taken) return stopped(what->name);
    printf("%d\n", taken);
    fflush(stdout);
    while (read(0, &(char){0}, 1) > 0) {}
    return stopped("what the caller gets is for it to say");
}

static void put(const char *path, const char *format, unsigned number) {
    char text[32];
    int fd = open(path, O_WRONLY), size = snprintf(text, sizeof text, format, number, number);
    if (fd < 0 || write(fd, text, (size_t)size) != size) exit(not_tried(path));
    close(fd);
}

/* With the same user id, but with nobody in it yet: what is counted there comes and goes with nobody else, and is missed by nobody. */
static void own_user_namespace(void) {
    unsigned user = getuid(), group = getgid();
    if (unshare(CLONE_NEWUSER)) exit(not_tried("unshare"));
    put("/proc/self/setgroups", "deny", 0);
    put("/proc/self/uid_map", "%u %u 1", user);
    put("/proc/self/gid_map", "%u %u 1", group);
    put("/proc/sys/user/max_inotify_instances", "%u", 100);
}

ATTACK(outside) {
    const struct kind *what = kind(*args);
    int input[2], output[2], taken = 0;
    own_user_namespace();
    setrlimit(what->resource, &(struct rlimit){what->most, what->most});
    if (pipe2(input, O_CLOEXEC) || pipe2(output, O_CLOEXEC)) return not_tried("pipe2");
    pid_t sandbox = fork();
    if (sandbox < 0) return not_tried("fork");
    if (!sandbox) {
        dup2(input[0], 0);
        dup2(output[1], 1);
        execv(args[1], args + 1);
        _exit(NOT_TRIED);
    }
    close(input[0]);
    close(output[1]);
    FILE *said = fdopen(output[0], "r");
    block_signals();
    int answer = STOPPED;
    if (fscanf(said, "%d", &taken) == 1 && what->take(0) < 0) answer = escaped("%d of %s, none is left: %m", taken, what->name);
    close(input[1]);
    int status;
    waitpid(sandbox, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == STOPPED ? answer : not_tried("the command");
}

ATTACKS({"take", take}, {"outside", outside})
