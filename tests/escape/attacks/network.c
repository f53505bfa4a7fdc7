/* The host's listeners, and listeners for the host. Only ever on loopback. */
#include "attack.h"
#include "outside.h"
#include "loopback.h"
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sys/stat.h>

/* outside: listen KIND COMMAND...: nobody must call. */
ATTACK(listen_outside) {
    struct place place;
    int fd = bound(args[0], &place);
    if (fd < 0) return not_tried("bind");
    int code = run(fill_in(args + 1, place.port));
    return was_called(fd) ? escaped("the host's %s was reached", args[0]) : code;
}

/* call KIND PORT */
ATTACK(call) {
    struct place place = at(args[0], atoi(args[1]));
    int fd = socket(place.family, place.type | SOCK_CLOEXEC, 0);
    if (fd < 0) return stopped("socket");
    if (place.fast) {
        if (sendto(fd, "x", 1, MSG_FASTOPEN, &place.address.any, place.length) < 0) return stopped("MSG_FASTOPEN");
    } else if (connect(fd, &place.address.any, place.length) || send(fd, "x", 1, MSG_NOSIGNAL) != 1) {
        return stopped("connect");
    }
    return seen_outside();
}

/* outside: call-in KIND DIRECTORY COMMAND...: what listens inside says in a FIFO there at which port,
   and waits in another. */
ATTACK(call_in) {
    char ready[4096], go[4096];
    int port;
    snprintf(ready, sizeof ready, "%s/ready", args[1]);
    snprintf(go, sizeof go, "%s/go", args[1]);
    umask(0);
    if ((mkfifo(ready, 0666) || mkfifo(go, 0666)) && errno != EEXIST) return not_tried("mkfifo");
    /* Both ways open, so that nobody waits for another to open it. */
    int heard = open(ready, O_RDWR | O_CLOEXEC), said = open(go, O_RDWR | O_CLOEXEC), status;
    if (heard < 0 || said < 0) return not_tried(ready);
    pid_t child = fork();
    if (!child) _exit(become(args + 2));
    struct pollfd wait = {.fd = heard, .events = POLLIN};
    for (int i = 0; i < 600 && poll(&wait, 1, 100) == 0; i++)
        if (waitpid(child, &status, WNOHANG) == child) return not_tried("nothing listens inside");
    if (read(heard, &port, sizeof port) != sizeof port) return not_tried("read");
    struct place place = at(args[0], port);
    int fd = socket(place.family, place.type | SOCK_CLOEXEC, 0);
    int reached = !connect(fd, &place.address.any, place.length);
    if (write(said, "x", 1) != 1 || waitpid(child, &status, 0) != child) return not_tried("waitpid");
    if (reached) return escaped("%s inside was reached", args[0]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : NOT_TRIED;
}

/* listen-inside KIND DIRECTORY */
ATTACK(listen_inside) {
    char path[4096], byte;
    struct place place;
    int fd = bound(args[0], &place);
    if (fd < 0) return not_tried("bind");
    snprintf(path, sizeof path, "%s/ready", args[1]);
    int ready = open(path, O_WRONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "%s/go", args[1]);
    int go = open(path, O_RDONLY | O_CLOEXEC);
    if (write(ready, &place.port, sizeof place.port) < 0 || read(go, &byte, 1) != 1) return not_tried("FIFO");
    return seen_outside();
}

/* find-port PORT: among the connections of /proc. */
ATTACK(find_port) {
    static char text[1 << 17];
    char port[8];
    snprintf(port, sizeof port, ":%04X", atoi(args[0]));
    if (slurp("/proc/self/net/tcp", text, sizeof text) < 0) return stopped("/proc/self/net/tcp");
    return strstr(text, port) ? escaped("port %s is listed", args[0]) : (errno = ENOENT, stopped(port));
}

/* More than a loopback, as the kernel tells it by NETLINK_ROUTE. */
ATTACK(find_interface) {
    struct {
        struct nlmsghdr header;
        struct ifinfomsg info;
    } ask = {{sizeof ask, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 0, 0}, {0}};
    static union {
        struct nlmsghdr header;
        char room[1 << 16];
    } answer;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0 || send(fd, &ask, sizeof ask, 0) < 0) return not_tried("netlink");
    ssize_t got = recv(fd, &answer, sizeof answer, 0);
    struct nlmsghdr *message = &answer.header;
    for (; NLMSG_OK(message, got) && message->nlmsg_type == RTM_NEWLINK; message = NLMSG_NEXT(message, got))
        if (!(((struct ifinfomsg *)NLMSG_DATA(message))->ifi_flags & IFF_LOOPBACK)) return escaped("another interface");
    return errno = ENODEV, stopped("RTM_GETLINK");
}

ATTACKS({"listen", listen_outside}, {"call", call}, {"call-in", call_in}, {"listen-inside", listen_inside},
        {"find-port", find_port}, {"find-interface", find_interface})
