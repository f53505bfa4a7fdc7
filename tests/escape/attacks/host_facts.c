/* What tells of the host, and what would set it. */
#include "attack.h"
#include <sys/utsname.h>

ATTACK(name_host) {
    struct utsname names;
    if (uname(&names)) return not_tried("uname");
    errno = ENOENT;
    return strcmp(names.nodename, args[0]) ? stopped("uname") : escaped("%s", names.nodename);
}

/* line PATH LINE: the file has that line. */
ATTACK(has_line) {
    static char text[1 << 16];
    int size = slurp(args[0], text, sizeof text);
    if (size < 0) return stopped(args[0]);
    errno = ENOENT;
    return memmem(text, (size_t)size, args[1], strlen(args[1])) ? escaped("%s: %s", args[0], args[1]) : stopped(args[1]);
}

/* read PATH: it, or where a root that was not detached would have it. */
ATTACK(read_it) {
    char text[64], elsewhere[4200];
    if (slurp(args[0], text, sizeof text) > 0) return escaped("%s", args[0]);
    int first = errno;
    snprintf(elsewhere, sizeof elsewhere, "/old-root%s", args[0]);
    if (slurp(elsewhere, text, sizeof text) > 0) return escaped("%s", elsewhere);
    return errno = first, stopped(args[0]);
}

/* A path of a cgroup on the host, in any hierarchy: cgroups(7). */
ATTACK(cgroup) {
    char line[4096];
    FILE *file = fopen("/proc/self/cgroup", "r");
    if (!file) return not_tried("/proc/self/cgroup");
    while (fgets(line, sizeof line, file)) {
        const char *path = strrchr(line, ':');
        if (!path || strcmp(path, ":/\n")) return escaped("%s", line);
    }
    errno = ENOENT;
    return stopped("/proc/self/cgroup");
}

/* A mount of the host's own tree. */
ATTACK(mounts) {
    char line[8192];
    FILE *file = fopen("/proc/self/mountinfo", "r");
    if (!file) return not_tried("/proc/self/mountinfo");
    while (fgets(line, sizeof line, file))
        if (strstr(line, " /old-root/") || strstr(line, " /old-root ")) return escaped("%s", line);
    errno = ENOENT;
    return stopped("/proc/self/mountinfo");
}

ATTACK(write_it) {
    int fd = open(args[0], O_WRONLY);
    return fd < 0 ? stopped(args[0]) : tried(args[0], write(fd, args[1], strlen(args[1])));
}

/* Only opened: what is written there is the whole machine's. */
ATTACK(open_it) { return tried(args[0], open(args[0], O_WRONLY)); }

ATTACKS({"name", name_host}, {"line", has_line}, {"read", read_it}, {"cgroup", cgroup}, {"mounts", mounts},
        {"write", write_it}, {"open", open_it})
