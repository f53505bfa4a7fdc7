/* write_forms TREE FILE DIR: every way to change a tree, one line each: the way and "ok" or the errno. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <linux/fs.h>
#include <unistd.h>

static void tell(const char *way, long r) { printf("%s %s\n", way, r < 0 ? strerrorname_np(errno) : "ok"); }

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    const char *tree = argv[1], *file = argv[2], *dir = argv[3];
    char new[4096], link_of[64];
    snprintf(new, sizeof new, "%s/new", tree);
    int fd = open(file, O_RDONLY), path = open(file, O_PATH), attr = 0;
    if (fd < 0 || path < 0) return perror(file), 2;
    tell("open O_WRONLY", open(file, O_WRONLY));
    tell("open O_RDWR", open(file, O_RDWR));
    tell("open O_TRUNC", open(file, O_RDONLY | O_TRUNC));
    tell("open O_APPEND", open(file, O_WRONLY | O_APPEND));
    tell("open O_CREAT", open(new, O_CREAT | O_EXCL | O_WRONLY, 0600));
    tell("open O_TMPFILE", open(tree, O_TMPFILE | O_RDWR, 0600));
    snprintf(link_of, sizeof link_of, "/proc/self/fd/%d", fd);
    tell("reopen by /proc/self/fd", open(link_of, O_WRONLY));
    tell("truncate by /proc/self/fd", truncate(link_of, 0));
    snprintf(link_of, sizeof link_of, "/proc/self/fd/%d", path);
    tell("reopen of O_PATH", open(link_of, O_WRONLY));
    tell("truncate", truncate(file, 0));
    tell("unlink", unlink(file));
    tell("rmdir", rmdir(dir));
    tell("mkdir", mkdir(new, 0700));
    tell("mkfifo", mkfifo(new, 0600));
    tell("symlink", symlink("x", new));
    tell("link", link(file, new));
    tell("rename", rename(file, new));
    tell("rename out", rename(file, "stolen"));
    tell("chmod", chmod(file, 0777));
    tell("fchmod", fchmod(fd, 0777));
    tell("chown", chown(file, getuid(), getgid()));
    tell("utimes", utimes(file, NULL));
    tell("setxattr", setxattr(file, "user.x", "y", 1, 0));
    tell("removexattr", removexattr(file, "user.x"));
    if (ioctl(fd, FS_IOC_GETFLAGS, &attr) == 0) tell("FS_IOC_SETFLAGS", ioctl(fd, FS_IOC_SETFLAGS, &attr));
    return 0;
}
