/* Addresses for listeners that outsiders must not reach, by a kind: tcp4, tcp4-fast, tcp6, udp4, udp6, abstract, abstract-datagram. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

struct place {
    int family, type, port, fast;
    socklen_t length;
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    } address;
};

static inline struct place at(const char *kind, int port) {
    struct place place = {.port = port, .fast = !strcmp(kind, "tcp4-fast")};
    place.type = strncmp(kind, "udp", 3) && strcmp(kind, "abstract-datagram") ? SOCK_STREAM : SOCK_DGRAM;
    if (!strncmp(kind, "abstract", 8)) {
        place.address.un = (struct sockaddr_un){.sun_family = AF_UNIX};
        int length = snprintf(place.address.un.sun_path + 1, 64, "sandbox-escape-%d", port);
        place.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    } else if (strchr(kind, '6')) {
        place.address.in6 = (struct sockaddr_in6){AF_INET6, htons((uint16_t)port), 0, IN6ADDR_LOOPBACK_INIT, 0};
        place.length = sizeof place.address.in6;
    } else {
        place.address.in = (struct sockaddr_in){AF_INET, htons((uint16_t)port), {htonl(INADDR_LOOPBACK)}, {0}};
        place.length = sizeof place.address.in;
    }
    place.family = place.address.any.sa_family;
    return place;
}

/* A listener at a port that is free, which `place` then has. */
static inline int bound(const char *kind, struct place *place) {
    int abstract = !strncmp(kind, "abstract", 8);
    /* Others may have the same pid in another PID namespace. */
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    *place = at(kind, abstract ? (int)now.tv_nsec : 0);
    int fd = socket(place->family, place->type | SOCK_CLOEXEC, 0), queue = 5;
    if (fd < 0 || bind(fd, &place->address.any, place->length)) return -1;
    if (place->fast && setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof queue)) return -1;
    if (place->type == SOCK_STREAM && listen(fd, 5)) return -1;
    if (!abstract && getsockname(fd, &place->address.any, &place->length)) return -1;
    if (!abstract) place->port = ntohs(place->address.in.sin_port);
    return fd;
}

/* Has anybody connected, or sent something? */
static inline int was_called(int fd) {
    char byte;
    int type;
    socklen_t size = sizeof type;
    if (fcntl(fd, F_SETFL, O_NONBLOCK) || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size)) return 0;
    return type == SOCK_DGRAM ? recv(fd, &byte, 1, 0) == 1 : accept(fd, NULL, NULL) >= 0;
}
