/* Two sandboxes at the same time, with a writable directory in common: that is a channel both were granted, and nothing else is.
   `program WAY NAME` does something to the one that `program VICTIM NAME` runs in; the name is of this test alone. */
#include "attack.h"
#include <dirent.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { NAME = 15 }; /* what fits into comm */
static const char *name_of(char **args) { return args[0] + strlen(args[0]) - NAME; }
static key_t key_of(char **args) {
    key_t key;
    return memcpy(&key, name_of(args) + NAME - sizeof key, sizeof key), key;
}

/* ---- what the sibling is */

ATTACK(be_there) {
    prctl(PR_SET_NAME, name_of(args));
    return ready(), until_the_end(), STOPPED;
}
static socklen_t address(char **args, struct sockaddr_un *into) {
    *into = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(into->sun_path + 1, name_of(args), NAME);
    return offsetof(struct sockaddr_un, sun_path) + 1 + NAME;
}
ATTACK(listen_abstract) {
    struct sockaddr_un own;
    socklen_t size = address(args, &own);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&own, size) || listen(fd, 1)) return not_tried("bind");
    return ready(), until_the_end(), STOPPED;
}
/* What is refused by its profile it does not keep. */
ATTACK(keep_memory) {
    int id = shmget(key_of(args), 4096, IPC_CREAT | 0666);
    ready(), until_the_end();
    return shmctl(id, IPC_RMID, NULL), STOPPED;
}
ATTACK(keep_messages) {
    int id = msgget(key_of(args), IPC_CREAT | 0666);
    ready(), until_the_end();
    return msgctl(id, IPC_RMID, NULL), STOPPED;
}
static const char *queue(char **args) {
    static char name[NAME + 2] = "/";
    return memcpy(name + 1, name_of(args), NAME), name;
}
ATTACK(keep_queue) {
    umask(0);
    mq_open(queue(args), O_CREAT | O_RDWR, 0666, NULL);
    ready(), until_the_end();
    return mq_unlink(queue(args)), STOPPED;
}

/* ---- what is done to it */

/* The sibling by its name; it is not there if /proc does not show it. */
static pid_t find(char **args) {
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        char path[300], comm[32];
        snprintf(path, sizeof path, "/proc/%s/comm", entry->d_name);
        if (slurp(path, comm, sizeof comm) > 0 && !strncmp(comm, name_of(args), NAME)) return atoi(entry->d_name);
    }
    errno = ESRCH;
    exit(stopped("/proc"));
}
ATTACK(see) { return escaped("process %d", find(args)); }
ATTACK(signal_it) {
    pid_t pid = find(args);
    if (kill(pid, SIGKILL) == 0) return escaped("kill");
    return tried("tgkill", syscall(SYS_tgkill, pid, pid, SIGKILL));
}
ATTACK(signal_by_pidfd) {
    int pidfd = syscall(SYS_pidfd_open, find(args), 0);
    if (pidfd < 0) return stopped("pidfd_open");
    return tried("pidfd_send_signal", syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0));
}
/* It becomes the owner of a FIFO, and the kernel sends it a signal of our choice when that can be read. */
ATTACK(signal_by_owner) {
    pid_t pid = find(args);
    struct pollfd gone = {.fd = syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    if (mkfifo("/shared/owned", 0600)) return not_tried("mkfifo");
    int fd = open("/shared/owned", O_RDWR | O_NONBLOCK);
    if (fcntl(fd, F_SETOWN, pid)) return stopped("F_SETOWN");
    if (fcntl(fd, F_SETSIG, SIGKILL) || fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK | O_ASYNC)) return not_tried("O_ASYNC");
    if (write(fd, "x", 1) != 1) return not_tried("write");
    return poll(&gone, 1, 2000) == 1 ? escaped("SIGKILL of a descriptor") : stopped("poll");
}
ATTACK(limit) {
    struct rlimit none = {0, 0};
    return tried("prlimit64", syscall(SYS_prlimit64, find(args), RLIMIT_NOFILE, &none, NULL));
}
ATTACK(starve) {
    pid_t pid = find(args);
    if (setpriority(PRIO_PROCESS, pid, 19) == 0) return escaped("setpriority");
    struct sched_param idle = {0};
    return tried("sched_setscheduler", sched_setscheduler(pid, SCHED_IDLE, &idle));
}
ATTACK(connect_abstract) {
    struct sockaddr_un other;
    socklen_t size = address(args, &other);
    return tried("connect", connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&other, size));
}
ATTACK(share_memory) {
    int id = shmget(key_of(args), 0, 0);
    return id < 0 ? stopped("shmget") : tried("shmat", (long)shmat(id, NULL, 0));
}
ATTACK(send_message) {
    struct {
        long type;
        char text[4];
    } message = {1, "hi"};
    int id = msgget(key_of(args), 0);
    return id < 0 ? stopped("msgget") : tried("msgsnd", msgsnd(id, &message, sizeof message.text, IPC_NOWAIT));
}
ATTACK(open_queue) { return tried("mq_open", mq_open(queue(args), O_RDWR)); }

ATTACKS({"be-there", be_there}, {"listen", listen_abstract}, {"keep-memory", keep_memory},
        {"keep-messages", keep_messages}, {"keep-queue", keep_queue}, {"see", see}, {"signal", signal_it},
        {"pidfd", signal_by_pidfd}, {"owner", signal_by_owner}, {"limit", limit}, {"starve", starve},
        {"connect", connect_abstract}, {"memory", share_memory}, {"messages", send_message}, {"queue", open_queue})
