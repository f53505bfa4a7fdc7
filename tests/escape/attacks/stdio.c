/* The caller's files and pipes behind descriptors 0, 1 and 2. */
#include "attack.h"
#include "outside.h"
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* outside: watch NUMBER FLAGS PATH COMMAND...: the open file stays ours too, and must be as it was in the end. */
ATTACK(watch) {
    char before[256], after[256];
    int number = atoi(args[0]), mode = strcmp(args[1], "append") ? O_RDONLY : O_WRONLY | O_APPEND;
    int fd = open(args[2], mode | O_CLOEXEC), flags = fcntl(fd, F_GETFL), own = dup(number);
    if (fd < 0 || own < 0 || slurp(args[2], before, sizeof before) < 0) return not_tried(args[2]);
    if (dup2(fd, number) < 0) return not_tried("dup2");
    int code = run(args + 3);
    dup2(own, number);
    if (fcntl(fd, F_GETFL) != flags) return escaped("flags %#x became %#x", flags, fcntl(fd, F_GETFL));
    if (fcntl(fd, F_GETSIG)) return escaped("signal %d", fcntl(fd, F_GETSIG));
    if (flock(open(args[2], O_RDONLY | O_CLOEXEC), LOCK_EX | LOCK_NB)) return escaped("it is locked");
    if (slurp(args[2], after, sizeof after) < 0) return not_tried(args[2]);
    return strncmp(after, before, strlen(before)) ? escaped("%s became %s", before, after) : code;
}

/* outside: stdout is a pipe in which there is something already. */
ATTACK(full_pipe) {
    int ends[2];
    if (pipe(ends) || fchmod(ends[0], 0666)) return not_tried("pipe");
    if (write(ends[1], "before", 6) != 6 || dup2(ends[1], 1) < 0) return not_tried("write");
    close(ends[1]);
    return run(args);
}

/* outside: stdin is a pipe whose other readers must hear nothing from inside. */
ATTACK(silent_pipe) {
    int ends[2];
    char byte;
    if (pipe(ends) || fchmod(ends[0], 0666) || dup2(ends[0], 0) < 0) return not_tried("pipe");
    int code = run(args);
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK)) return not_tried("F_SETFL");
    return read(ends[0], &byte, 1) == 1 ? escaped("the pipe was written") : code;
}

/* outside: stdin is a socket through which a directory comes. */
ATTACK(send_directory) {
    int pair[2], directory = open(args[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec data = {"x", 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (directory < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) return not_tried("socketpair");
    memcpy(CMSG_DATA(&control.header), &directory, sizeof directory);
    if (sendmsg(pair[0], &message, 0) != 1 || dup2(pair[1], 0) < 0) return not_tried("sendmsg");
    return become(args + 1);
}

/* receive NAME: a file below the directory that comes through stdin. */
ATTACK(receive) {
    char byte, text[64] = "";
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    int directory;
    if (recvmsg(0, &message, MSG_DONTWAIT) < 0) return stopped("recvmsg");
    if (message.msg_controllen < sizeof control.header) return errno = ENODATA, stopped("SCM_RIGHTS");
    memcpy(&directory, CMSG_DATA(&control.header), sizeof directory);
    int fd = openat(directory, args[0], O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, text, sizeof text - 1) > 0 ? escaped("%s", text) : stopped("openat");
}

ATTACK(write_through) {
    int fd = open(args[0], O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 || write(fd, "forged", 6) < 0 ? stopped(args[0]) : seen_outside();
}

/* read-through PATH TEXT */
ATTACK(read_through) {
    char text[64] = "";
    int fd = open(args[0], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof text - 1) < 0) return stopped(args[0]);
    return strstr(text, args[1]) ? escaped("%s", text) : (errno = ENODATA, stopped(args[0]));
}

ATTACK(truncate_log) { return ftruncate(1, 0) ? stopped("ftruncate") : seen_outside(); }

ATTACK(overwrite_log) {
    int flags = fcntl(1, F_GETFL);
    if (fcntl(1, F_SETFL, flags & ~O_APPEND)) return stopped("F_SETFL");
    return pwrite(1, "forged", 6, 0) < 0 ? stopped("pwrite") : seen_outside();
}

ATTACK(set_nonblocking) { return fcntl(0, F_SETFL, O_NONBLOCK) ? stopped("F_SETFL") : seen_outside(); }
ATTACK(set_signal) { return fcntl(0, F_SETSIG, SIGKILL) ? stopped("F_SETSIG") : seen_outside(); }
ATTACK(lock) { return flock(0, LOCK_EX | LOCK_NB) ? stopped("flock") : seen_outside(); }

ATTACKS({"watch", watch}, {"full-pipe", full_pipe}, {"silent-pipe", silent_pipe}, {"send-directory", send_directory},
        {"receive", receive}, {"write-through", write_through}, {"read-through", read_through},
        {"truncate-log", truncate_log}, {"overwrite-log", overwrite_log}, {"set-nonblocking", set_nonblocking},
        {"set-signal", set_signal}, {"lock", lock})
