/* With a range of ids and the power to take each of them: what none of them may. */
#include "attack.h"
#include "outside.h"
#include <grp.h>
#include <sys/stat.h>

/* The ends of the range, the caller's own id wherever it is, nobody, and some between. */
static const uid_t ids[] = {0, 1, 33, 1000, 1001, 65533, 65534, 65535};

/* The attack by each of them; what the last one that was stopped saw, if all were. */
static int as_each(int (*attack)(const char *), const char *path) {
    int tries = 0;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        int status;
        fflush(stdout);
        pid_t child = fork();
        if (child < 0) return not_tried("fork");
        if (!child) {
            uid_t id = ids[i];
            if (setgroups(0, NULL) || setresgid(id, id, id) || setresuid(id, id, id)) _exit(not_tried("setresuid"));
            int answer = attack(path);
            fflush(stdout);
            _exit(answer);
        }
        if (waitpid(child, &status, 0) != child) return not_tried("waitpid");
        if (WIFEXITED(status) && WEXITSTATUS(status) == ESCAPED) return escaped("as %d", (int)ids[i]);
        tries += WIFEXITED(status) && WEXITSTATUS(status) == STOPPED;
    }
    return tries == sizeof ids / sizeof *ids ? STOPPED : not_tried("as each id");
}

static int reads(const char *path) {
    char text[64];
    return slurp(path, text, sizeof text) < 0 ? stopped(path) : escaped("%s", text);
}
static int writes(const char *path) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    return fd < 0 ? stopped(path) : escaped("%s is open for writing", path);
}

ATTACK(read_as_each) { return as_each(reads, args[0]); }
ATTACK(write_as_each) { return as_each(writes, args[0]); }
ATTACK(read_file) { return reads(args[0]); }

/* A program for others to run, which would make them a subordinate user. */
ATTACK(leave_set_user_id) {
    int fd = open(args[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    if (fd < 0) return not_tried(args[0]);
    if (fchown(fd, 33, 33)) return not_tried("fchown");
    return fchmod(fd, 04755) ? stopped("fchmod") : seen_outside();
}

/* outside: in-group GROUP COMMAND...: the caller's supplementary groups. */
ATTACK(in_group) {
    gid_t group = (gid_t)atoi(args[0]);
    return setgroups(1, &group) ? not_tried("setgroups") : become(args + 1);
}

ATTACKS({"read-as-each", read_as_each}, {"write-as-each", write_as_each}, {"read", read_file},
        {"leave-set-user-id", leave_set_user_id}, {"in-group", in_group})
