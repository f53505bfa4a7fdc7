/* What the command reaches in the tree of files. */
#include "attack.h"
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

/* write PATH: by every way to open it for writing. */
ATTACK(write_file) {
    static const int ways[] = {O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC, O_WRONLY | O_APPEND, O_RDWR | O_CREAT};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        int fd = open(args[0], ways[i], 0600);
        if (fd >= 0 && write(fd, "x", 1) == 1) return escaped("open with %#x", ways[i]);
    }
    return stopped(args[0]);
}

ATTACKS({"read-secret", read_secret}, {"write-file", write_file})
