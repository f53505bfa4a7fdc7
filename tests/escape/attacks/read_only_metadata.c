/* What is told of a file on a read-only mount: mode, owner, times, attributes. `program WAY FILE`. */
#include "attack.h"
#include <linux/fs.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/xattr.h>

/* Newer than the headers. */
enum { FCHMODAT2 = 452, SETXATTRAT = 463, FILE_GETATTR = 468, FILE_SETATTR = 469 };
struct xattr_args {
    uint64_t value;
    uint32_t size, flags;
};
struct file_attr {
    uint64_t xflags;
    uint32_t extsize, nextents, projid, cowextsize;
};
enum { NO_DUMP = 0x80 }; /* FS_XFLAG_NODUMP: anybody may set it on a file of his */

static int reader(char **args) {
    int fd = open(args[0], O_RDONLY);
    if (fd < 0) exit(not_tried(args[0]));
    return fd;
}

ATTACK(change_mode) { return tried("chmod", chmod(args[0], 0666)); }
ATTACK(change_mode_of_descriptor) { return tried("fchmod", fchmod(reader(args), 0666)); }
ATTACK(change_mode_of_path) {
    int fd = open(args[0], O_PATH);
    if (fd < 0) return not_tried(args[0]);
    return tried("fchmodat2 AT_EMPTY_PATH", syscall(FCHMODAT2, fd, "", 0666, AT_EMPTY_PATH));
}
ATTACK(change_owner) { return tried("chown", chown(args[0], getuid(), getgid())); }
ATTACK(change_times) { return tried("utimensat", utimensat(AT_FDCWD, args[0], NULL, 0)); }
ATTACK(change_times_of_descriptor) { return tried("futimens", futimens(reader(args), NULL)); }
ATTACK(set_attribute) {
    if (fsetxattr(reader(args), "user.sandbox", "x", 1, 0) == 0) return escaped("fsetxattr");
    return tried("setxattr", setxattr(args[0], "user.sandbox", "x", 1, 0));
}
ATTACK(set_attribute_at) {
    struct xattr_args value = {.value = (uintptr_t) "x", .size = 1};
    return tried("setxattrat", syscall(SETXATTRAT, AT_FDCWD, args[0], 0, "user.sandbox", &value, sizeof value));
}
/* An access control list: every right to everybody. */
ATTACK(set_acl) {
    static const unsigned char list[] = {2, 0, 0, 0, /* version */
                                         1, 0, 7, 0, 255, 255, 255, 255, /* user */
                                         4, 0, 7, 0, 255, 255, 255, 255, /* group */
                                         32, 0, 7, 0, 255, 255, 255, 255}; /* other */
    return tried("setxattr of an ACL", setxattr(args[0], "system.posix_acl_access", list, sizeof list, 0));
}
ATTACK(set_flags) {
    int fd = reader(args), flags = 0;
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags)) return not_tried("FS_IOC_GETFLAGS");
    flags |= FS_NODUMP_FL;
    if (ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0) return escaped("FS_IOC_SETFLAGS");
    struct fsxattr attributes;
    if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes)) return not_tried("FS_IOC_FSGETXATTR");
    attributes.fsx_xflags |= FS_XFLAG_NODUMP;
    return tried("FS_IOC_FSSETXATTR", ioctl(fd, FS_IOC_FSSETXATTR, &attributes));
}
ATTACK(set_file_attributes) {
    struct file_attr attributes;
    if (syscall(FILE_GETATTR, AT_FDCWD, args[0], &attributes, sizeof attributes, 0)) {
        return errno == ENOSYS ? stopped("file_getattr") : not_tried("file_getattr");
    }
    attributes.xflags |= NO_DUMP;
    return tried("file_setattr", syscall(FILE_SETATTR, AT_FDCWD, args[0], &attributes, sizeof attributes, 0));
}

ATTACKS({"chmod", change_mode}, {"fchmod", change_mode_of_descriptor}, {"fchmodat2", change_mode_of_path},
        {"chown", change_owner}, {"utimensat", change_times}, {"futimens", change_times_of_descriptor},
        {"setxattr", set_attribute}, {"setxattrat", set_attribute_at}, {"acl", set_acl}, {"setflags", set_flags},
        {"file_setattr", set_file_attributes})
