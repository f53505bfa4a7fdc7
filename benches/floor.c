/* floor STEP... -- COMMAND: what the kernel itself takes. The same namespaces as sandbox, the same mounts, nothing else:
 * no profile, no limit, no filter, no PID 1 of its own, no pipe, no check. The steps come from mounts.rs; each is the
 * fewest system calls that do it. Without a step only the namespaces are made. */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);
int umount2(const char *target, int flags);

#define MS_BIND_TREE (4096 | 16384)      /* MS_BIND | MS_REC */
#define MS_PRIVATE_TREE ((1 << 18) | 16384)
#define MS_PLAIN (2 | 4)                 /* MS_NOSUID | MS_NODEV */
#define DETACH 2

static void check(int failed, const char *step, const char *path)
{
    if (failed < 0)
        err(1, "floor: %s %s", step, path);
}

static void put(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
    check(file, "open", path);
    if (*text)
        check(write(file, text, strlen(text)), "write", path);
    close(file);
}

static void restrict_tree(const char *path, uint64_t attributes, unsigned int flags)
{
    struct mount_attr set = {.attr_set = attributes};
    check(syscall(SYS_mount_setattr, AT_FDCWD, path, flags, &set, sizeof set), "mount_setattr", path);
}

static void bind(const char *source, const char *path, const char *options)
{
    uint64_t attributes = MOUNT_ATTR_NOSUID;
    attributes |= strchr(options, 'r') ? MOUNT_ATTR_RDONLY : 0;
    attributes |= strchr(options, 'd') ? MOUNT_ATTR_NODEV : 0;
    attributes |= strchr(options, 'x') ? MOUNT_ATTR_NOEXEC : 0;
    check(mount(source, path, NULL, MS_BIND_TREE, NULL), "bind", path);
    restrict_tree(path, attributes, AT_RECURSIVE);
}

/* The first cover is restricted, the others are copies of it. */
static void cover(const char *path, int directory)
{
    static const char *first[2];
    if (first[directory]) {
        check(mount(first[directory], path, NULL, MS_BIND_TREE, NULL), "cover", path);
        return;
    }
    if (directory)
        check(mkdir(".cover", 0), "mkdir", ".cover");
    else
        put(".file", "");
    bind(directory ? ".cover" : ".file", path, "rdx");
    first[directory] = path;
}

/* One step; returns how many arguments it took. */
static int step(char **word)
{
    const char *name = word[0];
    if (!strcmp(name, "dir"))
        return check(mkdir(word[1], 0755), name, word[1]), 2;
    if (!strcmp(name, "file"))
        return put(word[1], word[2]), 3;
    if (!strcmp(name, "symlink"))
        return check(symlink(word[1], word[2]), name, word[2]), 3;
    if (!strcmp(name, "bind"))
        return bind(word[1], word[2], word[3]), 4;
    if (!strcmp(name, "cover"))
        return cover(word[2], *word[1] == 'd'), 3;
    if (!strcmp(name, "mount")) /* TYPE PATH OPTIONS DATA */
        return check(mount("none", word[2], word[1], MS_PLAIN | (*word[3] == 'x' ? 8 : 0), word[4]), word[1], word[2]), 5;
    errx(1, "floor: no step \"%s\"", name);
}

static void map_ids(uid_t user, gid_t group)
{
    char line[32];
    put("/proc/self/setgroups", "deny");
    snprintf(line, sizeof line, "0 %u 1", user);
    put("/proc/self/uid_map", line);
    snprintf(line, sizeof line, "0 %u 1", group);
    put("/proc/self/gid_map", line);
}

/* The new root is mounted on the old one, whose absolute names stay; the steps' own paths are relative to the new one. */
static char **build(char **word, const char *workdir)
{
    check(mount("none", "/", NULL, MS_PRIVATE_TREE, NULL), "make private", "/");
    int context = syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
    check(context, "fsopen", "tmpfs");
    check(syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "mode", "755", 0), "fsconfig", "tmpfs");
    check(syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0), "fsconfig", "tmpfs");
    int root = syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    check(root, "fsmount", "tmpfs");
    check(syscall(SYS_move_mount, root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH), "move_mount", "/");
    check(fchdir(root), "fchdir", "the new root");
    while (strcmp(*word, "--"))
        word += step(word);
    check(syscall(SYS_pivot_root, ".", "."), "pivot_root", ".");
    check(umount2(".", DETACH), "umount", ".");
    restrict_tree("/", MOUNT_ATTR_RDONLY, 0);
    check(chdir(workdir), "chdir", workdir);
    return word;
}

int main(int count, char **word)
{
    char workdir[4096];
    if (count < 3 || !getcwd(workdir, sizeof workdir))
        errx(1, "usage: floor STEP... -- COMMAND [ARGUMENT]...");
    uid_t user = getuid();
    gid_t group = getgid();
    struct clone_args namespaces = {
        .flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP,
        .exit_signal = SIGCHLD,
    };
    pid_t child = syscall(SYS_clone3, &namespaces, sizeof namespaces);
    check(child, "clone3", "");
    if (!child) {
        map_ids(user, group);
        word = strcmp(*++word, "--") ? build(word, workdir) : word;
        execvp(word[1], word + 1);
        err(127, "floor: %s", word[1]);
    }
    int status;
    check(waitpid(child, &status, 0), "waitpid", "");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
