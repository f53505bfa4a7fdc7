/* Descriptors that the caller leaves open. */
#include "attack.h"
#include "outside.h"
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

/* outside: hold NUMBER PATH COMMAND... */
ATTACK(hold) {
    int fd = open(args[1], O_RDONLY);
    if (fd < 0 || dup2(fd, atoi(args[0])) < 0) return not_tried(args[1]);
    return become(args + 2);
}

/* outside: a socket or an eventfd, and what came through it. */
static int hold_ours(int ours, int theirs, char **args) {
    uint64_t value;
    if (theirs < 0 || dup2(theirs, atoi(args[0])) < 0) return not_tried("dup2");
    int code = run(args + 1);
    return read(ours, &value, sizeof value) > 0 ? escaped("it was written") : code;
}

ATTACK(hold_socket) {
    int pair[2] = {-1, -1};
    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair);
    return hold_ours(pair[0], pair[1], args);
}

ATTACK(hold_eventfd) {
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return hold_ours(fd, fd, args);
}

ATTACK(hold_pidfd) {
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (fd < 0 || dup2(fd, atoi(args[0])) < 0) return not_tried("pidfd_open");
    return run(args + 1);
}

static int read_one(int fd, const char *what) {
    char text[64] = "";
    return read(fd, text, sizeof text - 1) > 0 ? escaped("%s: %s", what, text) : stopped(what);
}

ATTACK(read_it) { return read_one(atoi(args[0]), "read"); }

/* read-below NUMBER NAME */
ATTACK(read_below) {
    int fd = openat(atoi(args[0]), args[1], O_RDONLY | O_CLOEXEC);
    return fd < 0 ? stopped("openat") : read_one(fd, args[1]);
}

ATTACK(read_from_within) {
    if (fchdir(atoi(args[0]))) return stopped("fchdir");
    int fd = open(args[1], O_RDONLY | O_CLOEXEC);
    return fd < 0 ? stopped("open") : read_one(fd, args[1]);
}

ATTACK(write_it) {
    uint64_t one = 1;
    return write(atoi(args[0]), &one, sizeof one) < 0 ? stopped("write") : seen_outside();
}

/* Its life can be watched; for a signal it is in the wrong PID namespace. */
ATTACK(watch_process) {
    struct pollfd process = {.fd = atoi(args[0]), .events = POLLIN};
    if (poll(&process, 1, 0) < 0) return stopped("poll");
    return process.revents & POLLNVAL ? (errno = EBADF, stopped("pidfd")) : escaped("a process of the host is watched");
}

ATTACK(find_any) {
    for (int fd = 3; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0) return escaped("descriptor %d is open", fd);
    return stopped("F_GETFD");
}

ATTACKS({"hold", hold}, {"hold-socket", hold_socket}, {"hold-eventfd", hold_eventfd}, {"hold-pidfd", hold_pidfd},
        {"read", read_it}, {"read-below", read_below}, {"read-from-within", read_from_within}, {"write", write_it},
        {"watch-process", watch_process}, {"find-any", find_any})
