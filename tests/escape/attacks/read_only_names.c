/* The names in a directory on a read-only mount: `program WAY DIRECTORY`, which has `file` and `directory` in it. */
#include "attack.h"
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static int in(const char *directory) {
    if (chdir(directory)) exit(not_tried(directory));
    return AT_FDCWD;
}

ATTACK(create) { return tried("open O_CREAT", openat(in(args[0]), "new", O_CREAT | O_EXCL | O_RDONLY, 0600)); }
ATTACK(make_directory) { return tried("mkdir", mkdirat(in(args[0]), "new", 0700)); }
ATTACK(make_node) {
    int at = in(args[0]);
    if (mknodat(at, "pipe", S_IFIFO | 0600, 0) == 0) return escaped("mknod of a FIFO");
    return tried("mknod of a file", mknodat(at, "new", S_IFREG | 0600, 0));
}
ATTACK(make_link) { return tried("symlink", symlinkat("/etc/passwd", in(args[0]), "new")); }
ATTACK(link_file) {
    int at = in(args[0]);
    return tried("link", linkat(at, "file", at, "new", 0));
}
ATTACK(rename_file) {
    int at = in(args[0]);
    return tried("rename", renameat(at, "file", at, "new"));
}
ATTACK(exchange) {
    int at = in(args[0]);
    return tried("rename RENAME_EXCHANGE", renameat2(at, "file", at, "directory", RENAME_EXCHANGE));
}
ATTACK(remove_file) { return tried("unlink", unlinkat(in(args[0]), "file", 0)); }
ATTACK(remove_directory) { return tried("rmdir", unlinkat(in(args[0]), "directory", AT_REMOVEDIR)); }

/* A file without a name, which then gets one. */
ATTACK(nameless) {
    int fd = openat(in(args[0]), ".", O_TMPFILE | O_WRONLY, 0600);
    if (fd < 0) return stopped("open O_TMPFILE");
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return tried("link of O_TMPFILE", linkat(AT_FDCWD, path, AT_FDCWD, "new", AT_SYMLINK_FOLLOW));
}

/* bind(2) makes a name too. */
ATTACK(bind_socket) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "new"};
    in(args[0]);
    return tried("bind", bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address));
}

ATTACKS({"create", create}, {"mkdir", make_directory}, {"mknod", make_node}, {"symlink", make_link},
        {"link", link_file}, {"rename", rename_file}, {"exchange", exchange}, {"unlink", remove_file},
        {"rmdir", remove_directory}, {"nameless", nameless}, {"bind", bind_socket})
