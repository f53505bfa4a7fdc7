/* The bytes of a file on a read-only mount. `program WAY FILE`. */
#include "attack.h"
#include <sys/mman.h>
#include <sys/sendfile.h>

/* Every way to open it for writing. */
ATTACK(write_file) {
    static const int ways[] = {O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC, O_WRONLY | O_APPEND, O_RDWR | O_CREAT};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        int fd = open(args[0], ways[i], 0600);
        if (fd >= 0 && write(fd, "x", 1) == 1) return escaped("open with %#x", ways[i]);
    }
    return stopped(args[0]);
}

/* O_TRUNC empties also what is opened for reading. */
ATTACK(truncate_by_reader) { return tried("open O_RDONLY|O_TRUNC", open(args[0], O_RDONLY | O_TRUNC)); }

ATTACK(truncate_by_path) { return tried("truncate", truncate(args[0], 0)); }

/* A descriptor that may only read, or not even that, opened again by its number. */
static int reopen(const char *path, int flags) {
    char again[64];
    int fd = open(path, flags);
    if (fd < 0) return not_tried(path);
    snprintf(again, sizeof again, "/proc/self/fd/%d", fd);
    if (truncate(again, 0) == 0) return escaped("truncate %s", again);
    return tried(again, open(again, O_RDWR));
}
ATTACK(reopen_reader) { return reopen(args[0], O_RDONLY); }
ATTACK(reopen_path) { return reopen(args[0], O_PATH); }

ATTACK(map_shared) {
    int fd = open(args[0], O_RDWR);
    if (fd < 0) return stopped(args[0]);
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) return stopped("mmap");
    page[0] = 'x';
    return tried("msync", msync(page, 4096, MS_SYNC));
}

ATTACK(allocate) {
    int fd = open(args[0], O_WRONLY);
    if (fd < 0) return stopped(args[0]);
    return tried("fallocate", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1));
}

/* In the kernel, from descriptor to descriptor. */
static int between(char **args, ssize_t (*copy)(int from, int to)) {
    int from = open("/proc/self/exe", O_RDONLY), to = open(args[0], O_WRONLY);
    if (from < 0) return not_tried("/proc/self/exe");
    if (to < 0) to = open(args[0], O_RDONLY);
    if (to < 0) return not_tried(args[0]);
    return tried("copy", copy(from, to));
}
static ssize_t range(int from, int to) { return copy_file_range(from, NULL, to, NULL, 16, 0); }
static ssize_t send_on(int from, int to) { return sendfile(to, from, NULL, 16); }
static ssize_t by_pipe(int from, int to) {
    int ends[2];
    if (pipe(ends) || splice(from, NULL, ends[1], NULL, 16, 0) != 16) exit(not_tried("splice into a pipe"));
    return splice(ends[0], NULL, to, NULL, 16, 0);
}
ATTACK(copy_range) { return between(args, range); }
ATTACK(send_file) { return between(args, send_on); }
ATTACK(splice_into) { return between(args, by_pipe); }

ATTACKS({"write", write_file}, {"truncate-by-reader", truncate_by_reader}, {"truncate", truncate_by_path},
        {"reopen-reader", reopen_reader}, {"reopen-path", reopen_path}, {"map", map_shared}, {"allocate", allocate},
        {"copy-range", copy_range}, {"sendfile", send_file}, {"splice", splice_into})
