/* Sockets of the host that have a name in a directory which is granted. */
#include "attack.h"
#include "outside.h"
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

union one_descriptor {
    char room[CMSG_SPACE(sizeof(int))];
    struct cmsghdr header;
};

static int kind(const char *name) {
    return !strcmp(name, "datagram") ? SOCK_DGRAM : !strcmp(name, "packets") ? SOCK_SEQPACKET : SOCK_STREAM;
}

static struct sockaddr_un address(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return address;
}

static int bound(const char *how, const char *path) {
    struct sockaddr_un at = address(path);
    int fd = socket(AF_UNIX, kind(how) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) || chmod(path, 0777)) return -1;
    return kind(how) != SOCK_DGRAM && listen(fd, 5) ? -1 : fd;
}

static int judged(int fd, const char *how, int code) {
    char byte;
    int called = kind(how) == SOCK_DGRAM ? recv(fd, &byte, 1, 0) == 1 : accept(fd, NULL, NULL) >= 0;
    return called ? escaped("the host's listener was reached") : code;
}

/* outside: listen KIND PATH COMMAND... */
ATTACK(listen_at) {
    int fd = bound(args[0], args[1]);
    return fd < 0 ? not_tried(args[1]) : judged(fd, args[0], run(args + 2));
}

/* outside: listen-relative KIND DIRECTORY NAME COMMAND...: the kernel's list has the name as it was given to bind(2). */
ATTACK(listen_relative) {
    int here = open(".", O_PATH | O_CLOEXEC);
    if (chdir(args[1])) return not_tried(args[1]);
    int fd = bound(args[0], args[2]);
    return fd < 0 || fchdir(here) ? not_tried(args[2]) : judged(fd, args[0], run(args + 3));
}

/* outside: listen-moved HOW KIND PATH NEW COMMAND...: after bind(2) it is renamed, or linked by a second name. */
ATTACK(listen_moved) {
    int fd = bound(args[1], args[2]);
    unlink(args[3]);
    int moved = strcmp(args[0], "link") ? rename(args[2], args[3]) : link(args[2], args[3]);
    return fd < 0 || moved ? not_tried(args[3]) : judged(fd, args[1], run(args + 4));
}

/* outside: listen-elsewhere KIND PATH COMMAND...: bound in another network namespace, as a container's daemon is. */
ATTACK(listen_elsewhere) {
    int ends[2], fd = -1;
    char byte;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) return not_tried("socketpair");
    union one_descriptor control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    pid_t daemon = fork();
    if (!daemon) {
        fd = unshare(CLONE_NEWUSER | CLONE_NEWNET) ? -1 : bound(args[0], args[1]);
        memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
        _exit(fd < 0 || sendmsg(ends[1], &message, 0) != 1);
    }
    close(ends[1]);
    if (recvmsg(ends[0], &message, MSG_CMSG_CLOEXEC) != 1) return not_tried("unshare");
    memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
    waitpid(daemon, NULL, 0);
    return judged(fd, args[0], run(args + 2));
}

/* call KIND PATH */
ATTACK(call) {
    struct sockaddr_un to = address(args[1]);
    int fd = socket(AF_UNIX, kind(args[0]) | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) || send(fd, "x", 1, MSG_NOSIGNAL) != 1) return stopped(args[1]);
    return seen_outside();
}

/* outside: serve-directory PATH DIRECTORY COMMAND...: to whoever connects, a directory of the host's is handed. */
ATTACK(serve_directory) {
    int listener = bound("stream", args[0]), directory = open(args[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    union one_descriptor control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec data = {"x", 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (listener < 0 || directory < 0) return not_tried(args[0]);
    memcpy(CMSG_DATA(&control.header), &directory, sizeof directory);
    pid_t server = fork();
    if (!server) {
        struct pollfd wait = {.fd = listener, .events = POLLIN};
        if (poll(&wait, 1, 60000) == 1) sendmsg(accept(listener, NULL, NULL), &message, MSG_NOSIGNAL);
        _exit(0);
    }
    int code = run(args + 2);
    kill(server, SIGKILL);
    return waitpid(server, NULL, 0) == server ? code : not_tried("waitpid");
}

/* receive PATH NAME: a file below the directory that is handed out there. */
ATTACK(receive) {
    char byte, text[64] = "";
    union one_descriptor control;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct sockaddr_un to = address(args[0]);
    int directory, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to)) return stopped(args[0]);
    if (recvmsg(fd, &message, MSG_CMSG_CLOEXEC) != 1 || message.msg_controllen < sizeof control.header)
        return stopped("SCM_RIGHTS");
    memcpy(&directory, CMSG_DATA(&control.header), sizeof directory);
    int file = openat(directory, args[1], O_RDONLY | O_CLOEXEC);
    return file >= 0 && read(file, text, sizeof text - 1) > 0 ? escaped("%s", text) : stopped("openat");
}

ATTACKS({"listen", listen_at}, {"listen-relative", listen_relative}, {"listen-moved", listen_moved},
        {"listen-elsewhere", listen_elsewhere}, {"call", call},
        {"serve-directory", serve_directory}, {"receive", receive})
