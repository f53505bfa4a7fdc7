/* What lies under a cover (a hidden directory, a read-only mount, /proc) and how to come by it. `program WAY DIRECTORY`: the directory
   has `hidden` in it, which is covered, and in that a file `secret`. */
#include "attack.h"
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* The secret, in the directory behind a descriptor. */
static int found(const char *how, int at, const char *name) {
    char text[64] = "";
    int fd = openat(at, name, O_RDONLY);
    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0) return stopped(how);
    return escaped("%s: %s", how, text);
}

static const char *made(const char *directory) {
    if (mkdir(directory, 0700) && errno != EEXIST) exit(not_tried(directory));
    return directory;
}

static int hidden_in(char **args) {
    if (chdir(args[0])) exit(not_tried(args[0]));
    return AT_FDCWD;
}

ATTACK(open_hidden) {
    int at = hidden_in(args);
    if (chmod("hidden", 0700) == 0) return escaped("chmod");
    return found("open", at, "hidden/secret");
}
ATTACK(unmount) {
    int at = hidden_in(args);
    if (umount2("hidden", MNT_DETACH)) return stopped("umount2");
    return found("umount2", at, "hidden/secret");
}
ATTACK(bind_again) {
    const char *copy = made("/tmp/copy");
    if (mount(args[0], copy, NULL, MS_BIND, NULL)) return stopped("mount MS_BIND");
    return found("mount MS_BIND", AT_FDCWD, "/tmp/copy/hidden/secret");
}
ATTACK(overlay) {
    char options[256];
    snprintf(options, sizeof options, "lowerdir=%s:%s", args[0], made("/tmp/empty"));
    if (mount("overlay", made("/tmp/over"), "overlay", 0, options)) return stopped("mount of overlay");
    return found("overlay", AT_FDCWD, "/tmp/over/hidden/secret");
}
/* A copy of the one mount, without those on it, never attached anywhere. */
ATTACK(detached_copy) {
    int copy = syscall(SYS_open_tree, AT_FDCWD, args[0], OPEN_TREE_CLONE);
    if (copy < 0) return stopped("open_tree");
    return found("open_tree", copy, "hidden/secret");
}

/* ---- read-only, undone: metadata, because Landlock knows nothing of it */

static int touched(const char *how, const char *directory) {
    return tried(how, utimensat(AT_FDCWD, directory, NULL, 0));
}
static const struct mount_attr writable = {.attr_clr = MOUNT_ATTR_RDONLY};

ATTACK(remount) {
    if (mount(NULL, args[0], NULL, MS_REMOUNT | MS_BIND, NULL)) return stopped("mount MS_REMOUNT");
    return touched("mount MS_REMOUNT", args[0]);
}
ATTACK(set_writable) {
    if (syscall(SYS_mount_setattr, AT_FDCWD, args[0], 0, &writable, sizeof writable)) return stopped("mount_setattr");
    return touched("mount_setattr", args[0]);
}
ATTACK(writable_copy) {
    int copy = syscall(SYS_open_tree, AT_FDCWD, args[0], OPEN_TREE_CLONE);
    if (copy < 0) return stopped("open_tree");
    if (syscall(SYS_mount_setattr, copy, "", AT_EMPTY_PATH, &writable, sizeof writable))
        return stopped("mount_setattr of a copy");
    return tried("a copy by open_tree", futimens(openat(copy, "file", O_RDONLY), NULL));
}

/* ---- /proc */

/* The limit that keeps nested user namespaces away, raised again. */
static int setting(const char *how, const char *path) {
    int fd = open(path, O_WRONLY);
    return fd < 0 ? stopped(how) : tried(how, write(fd, "99", 2));
}
ATTACK(unmount_settings) {
    if (umount2("/proc/sys", MNT_DETACH)) return stopped("umount2");
    return setting("umount2 of /proc/sys", "/proc/sys/user/max_user_namespaces");
}
ATTACK(fresh_proc) {
    if (mount("proc", made("/tmp/proc"), "proc", 0, NULL)) return stopped("mount of proc");
    return setting("mount of proc", "/tmp/proc/sys/user/max_user_namespaces");
}
ATTACK(read_covered) {
    char text[64];
    if (slurp("/proc/keys", text, sizeof text) >= 0) return escaped("/proc/keys");
    if (slurp("/proc/interrupts", text, sizeof text) >= 0) return escaped("/proc/interrupts");
    return tried("/proc/timer_list", open("/proc/timer_list", O_RDONLY));
}
ATTACK(write_setting) { return setting("open", "/proc/sys/user/max_user_namespaces"); }

ATTACKS({"open", open_hidden}, {"unmount", unmount}, {"bind", bind_again}, {"overlay", overlay},
        {"detached-copy", detached_copy}, {"remount", remount}, {"set-writable", set_writable},
        {"writable-copy", writable_copy}, {"unmount-settings", unmount_settings}, {"fresh-proc", fresh_proc},
        {"read-covered", read_covered}, {"write-setting", write_setting})
