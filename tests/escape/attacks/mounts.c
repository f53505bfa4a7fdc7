/* File systems: fresh ones, full ones, those of the host, and devices. */
#include "attack.h"
#include <sched.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char *place(void) {
    if (mkdir("/tmp/fresh", 0700) && errno != EEXIST) exit(not_tried("/tmp/fresh"));
    return "/tmp/fresh";
}

/* fresh TYPE: in the namespaces that are there. */
ATTACK(fresh) { return tried(args[0], mount(args[0], place(), args[0], 0, NULL)); }

/* nested TYPE: as root of a user namespace of its own, by the two calls that make one; proc wants a PID namespace too. */
static int in_child(void *args) { return tried("mount", mount("x", place(), ((char **)args)[0], 0, NULL)); }
ATTACK(nested) {
    static char stack[1 << 16];
    const int flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC;
    int status;
    pid_t child = clone(in_child, stack + sizeof stack, flags | SIGCHLD, args);
    if (child > 0) return waitpid(child, &status, 0) == child ? WEXITSTATUS(status) : NOT_TRIED;
    int first = errno;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) return in_child(args);
    return errno = first, stopped("clone");
}

/* fill DIRECTORY BYTES: more than it may hold. */
ATTACK(fill) {
    static const char block[1 << 16];
    long left = atol(args[1]);
    if (chdir(args[0])) return not_tried(args[0]);
    int fd = open("big", O_CREAT | O_WRONLY, 0600);
    if (fd < 0) return stopped("open");
    for (ssize_t done; left > 0; left -= done)
        if ((done = write(fd, block, sizeof block)) <= 0) return stopped("write");
    return escaped("all of it");
}
/* crowd DIRECTORY COUNT: more files than it may hold. */
ATTACK(crowd) {
    char name[32];
    if (chdir(args[0])) return not_tried(args[0]);
    for (int i = 0; i < atoi(args[1]); i++) {
        snprintf(name, sizeof name, "%d", i);
        if (mknod(name, S_IFREG | 0600, 0)) return stopped("mknod");
    }
    return escaped("all of them");
}

/* make PATH: a file, a directory, a link. */
ATTACK(make) {
    if (mkdir(args[0], 0700) == 0) return escaped("mkdir");
    if (symlink("/", args[0]) == 0) return escaped("symlink");
    return tried("mknod", mknod(args[0], S_IFREG | 0600, 0));
}

/* device PATH: one that somebody has left there. */
ATTACK(device) {
    char byte;
    int fd = open(args[0], O_RDONLY);
    return fd < 0 ? stopped(args[0]) : tried("read", read(fd, &byte, 1));
}

/* late STARTED MOUNTED SECRET: the host mounts something when the first FIFO is opened, and says so on the second. */
ATTACK(late) {
    char text[64];
    int started = open(args[0], O_WRONLY);
    if (started < 0) return not_tried(args[0]);
    close(started);
    if (slurp(args[1], text, sizeof text) <= 0) return not_tried(args[1]);
    if (slurp(args[2], text, sizeof text) > 0) return escaped("%s", text);
    return stopped(args[2]);
}

/* told NAME: a file system of the host's by this name. */
ATTACK(told) {
    char line[4096];
    FILE *mounts = fopen("/proc/self/mountinfo", "r");
    if (!mounts) return not_tried("mountinfo");
    while (fgets(line, sizeof line, mounts))
        if (strstr(line, args[0])) return escaped("%s", line);
    return errno = ENOENT, stopped(args[0]);
}

/* listed NAME: the same by the calls that need no /proc. */
enum { STATMOUNT = 457, LISTMOUNT = 458, MNT_POINT = 0x10 };
struct mount_id {
    uint32_t size, spare;
    uint64_t id, param, namespace;
};
ATTACK(listed) {
    static uint64_t all[4096];
    static char told[1 << 14];
    struct mount_id from = {.size = 24, .id = UINT64_MAX}; /* LSMT_ROOT */
    long count = syscall(LISTMOUNT, &from, all, sizeof all / sizeof *all, 0);
    if (count < 0) return stopped("listmount");
    for (long i = 0; i < count; i++) {
        struct mount_id one = {.size = 24, .id = all[i], .param = MNT_POINT};
        if (syscall(STATMOUNT, &one, told, sizeof told, 0)) continue;
        /* Its size, and so the place of the text, grows with the kernel's versions. */
        if (memmem(told, sizeof told, args[0], strlen(args[0]))) return escaped("mount %ld", i);
    }
    return errno = ENOENT, stopped(args[0]);
}

ATTACKS({"fresh", fresh}, {"nested", nested}, {"fill", fill}, {"crowd", crowd}, {"make", make}, {"device", device},
        {"late", late}, {"told", told}, {"listed", listed})
