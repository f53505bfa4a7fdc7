/* Namespaces in namespaces: each brings back what the sandbox took away, mounts first of all. */
#include "attack.h"
#include "outside.h"
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>

static long number(const char *text) { return (long)strtoull(text, NULL, 0); }

ATTACK(unshare_some) { return tried("unshare", syscall(SYS_unshare, number(args[0]))); }

/* What a clone(2) or clone3(2) came to: the child ends at once, or does one thing more. */
static int ended(const char *how, pid_t child, int (*then)(void)) {
    int status;
    if (child < 0) return stopped(how);
    if (!child) _exit(then ? then() : ESCAPED);
    if (waitpid(child, &status, __WALL) != child) return not_tried("waitpid");
    printf("%s: child ended with %d\n", how, WEXITSTATUS(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : NOT_TRIED;
}

static int mount_one(void) {
    if (mount("tmpfs", "/tmp", "tmpfs", 0, NULL)) return stopped("mount");
    return ESCAPED;
}

/* clone FLAGS, all 64 bits of them */
ATTACK(clone_some) { return ended("clone", (pid_t)syscall(SYS_clone, number(args[0]) | SIGCHLD, 0, 0, 0, 0), NULL); }

ATTACK(clone3_some) {
    struct clone_args how = {.flags = (uint64_t)number(args[0]), .exit_signal = SIGCHLD};
    return ended("clone3", (pid_t)syscall(SYS_clone3, &how, sizeof how), NULL);
}

ATTACK(mount_in_clone) {
    return ended("clone", (pid_t)syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0), mount_one);
}

/* join FILE: of /proc/self/ns */
ATTACK(join) {
    int fd = open(args[0], O_RDONLY | O_CLOEXEC);
    return fd < 0 ? not_tried(args[0]) : tried("setns", setns(fd, 0));
}

ATTACKS({"unshare", unshare_some}, {"clone", clone_some}, {"clone3", clone3_some}, {"mount-in-clone", mount_in_clone},
        {"join", join})
