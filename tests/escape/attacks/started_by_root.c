/* What uid 0 of the host owns, it may do without any capability. */
#include "attack.h"
#include "outside.h"
#include <grp.h>
#include <sys/stat.h>

/* outside: in-group GROUP COMMAND...: root's supplementary groups. */
ATTACK(in_group) {
    gid_t group = (gid_t)atoi(args[0]);
    return setgroups(1, &group) ? not_tried("setgroups") : become(args + 1);
}

ATTACK(read_file) {
    char text[64];
    return slurp(args[0], text, sizeof text) < 0 ? stopped(args[0]) : escaped("%s", text);
}

/* Opened only: what can be opened for writing can be written. */
ATTACK(open_to_write) {
    int fd = open(args[0], O_WRONLY | O_CLOEXEC);
    return fd < 0 ? stopped(args[0]) : escaped("%s is open for writing", args[0]);
}

ATTACK(open_up) { return tried("chmod", chmod(args[0], 0666)); }

ATTACK(leave_set_user_id) {
    int fd = open(args[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    if (fd < 0) return not_tried(args[0]);
    return fchmod(fd, 04755) ? stopped("fchmod") : seen_outside();
}

ATTACKS({"in-group", in_group}, {"read", read_file}, {"open-to-write", open_to_write}, {"open-up", open_up},
        {"leave-set-user-id", leave_set_user_id})
