/* Sockets that no network namespace contains, or that are surface of the kernel. Nothing is ever connected. */
#include "attack.h"
#include <sys/mman.h>
#include <sys/socket.h>

static long number(const char *text) { return (long)strtoull(text, NULL, 0); }

/* make FAMILY TYPE PROTOCOL, all 64 bits of them */
ATTACK(make) { return tried("socket", syscall(SYS_socket, number(args[0]), number(args[1]), number(args[2]))); }

/* pair FAMILY: of most families there are no pairs, which the kernel says only after it has made both sockets. */
ATTACK(pair) {
    int ends[2];
    long answer = syscall(SYS_socketpair, number(args[0]), SOCK_STREAM, 0, ends);
    return answer < 0 && errno == EOPNOTSUPP ? escaped("two sockets were made") : tried("socketpair", answer);
}

#ifdef __x86_64__
/* The kernel's 32-bit entry: system calls of i386 by their numbers there. */
static long call32(long call, long a, long b, long c) {
    long answer;
    __asm__ volatile("int $0x80" : "=a"(answer) : "a"(call), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
    int narrow = (int)answer;
    return narrow < 0 ? (errno = -narrow, -1) : narrow;
}

ATTACK(make32) { return tried("socket of i386", call32(359, number(args[0]), number(args[1]), number(args[2]))); }

/* socketcall(2): the arguments behind a pointer, which no filter sees. */
ATTACK(socketcall32) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT;
    unsigned *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (low == MAP_FAILED) return not_tried("mmap");
    for (int i = 0; i < 3; i++) low[i] = (unsigned)number(args[i]);
    return tried("socketcall of i386", call32(102, 1, (long)low, 0));
}
#else
ATTACK(make32) { return not_tried("i386"); }
ATTACK(socketcall32) { return not_tried("i386"); }
#endif

ATTACKS({"make", make}, {"pair", pair}, {"make32", make32}, {"socketcall32", socketcall32})
