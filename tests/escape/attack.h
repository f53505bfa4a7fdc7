/* What every attack shares: its answer, and a table of attacks by name. One file of attacks is one program:
   `program NAME [ARG]...` does one attack and says how it went. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* Exit codes that no crash, shell or sandbox gives by chance. */
enum answer { ESCAPED = 42, STOPPED = 43, NOT_TRIED = 44 };

/* The attack reached what it wanted. */
__attribute__((format(printf, 1, 2))) static inline int escaped(const char *how, ...) {
    va_list values;
    va_start(values, how);
    printf("escaped: ");
    vprintf(how, values);
    putchar('\n');
    return ESCAPED;
}

/* Something stood in the way, which errno names. */
static inline int stopped(const char *at) {
    printf("stopped: %s: %s\n", at, strerrorname_np(errno));
    return STOPPED;
}

/* The attack itself is broken here: no proof of anything. */
static inline int not_tried(const char *at) {
    printf("not tried: %s: %s\n", at, strerrorname_np(errno));
    return NOT_TRIED;
}

/* By the answer of a call that must not succeed. */
static inline int tried(const char *call, long answer) { return answer < 0 ? stopped(call) : escaped("%s", call); }

/* The first bytes of a file, for what must not be readable; -1 if it cannot be read. */
static inline int slurp(const char *path, char *into, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t got = read(fd, into, size - 1);
    int saved = errno;
    close(fd);
    errno = saved;
    if (got < 0) return -1;
    into[got] = 0;
    return (int)got;
}

/* In a sandbox beside: says that it is ready, and lives until the test, or its end, ends its stdin. */
static inline void ready(void) {
    puts("ready");
    fflush(stdout);
}
static inline void until_the_end(void) {
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) continue;
}

struct attack {
    const char *name;
    int (*run)(char **args); /* NULL-terminated */
};

#define ATTACK(name) static int name(char **args __attribute__((unused)))

/* The last line of a program: `ATTACKS({"name", name}, …)`. */
#define ATTACKS(...)                                                                                                   \
    int main(int argc, char **argv) {                                                                                  \
        static const struct attack attacks[] = {__VA_ARGS__};                                                          \
        for (size_t i = 0; argc > 1 && i < sizeof attacks / sizeof *attacks; i++)                                      \
            if (!strcmp(argv[1], attacks[i].name)) return fflush(stdout), attacks[i].run(argv + 2);                    \
        fprintf(stderr, "there is no attack %s\n", argc > 1 ? argv[1] : "");                                           \
        return NOT_TRIED;                                                                                              \
    }
