/* hog KIND MIB: holds MIB mebibytes in one way, and says so when it has them all.
   anonymous, of one process or (crowd) of eight together; memfd; file, at /tmp; sysv and posix, shared memory; pipes, as far as
   the pipe quota lets (pipe(7)). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

static const size_t MIB = 1 << 20;
static char block[1 << 20];

static int fail(const char *call) {
    printf("%s: %s\n", call, strerrorname_np(errno));
    exit(3);
}

static void anonymous(size_t mib) {
    char *at = mmap(NULL, mib * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) fail("mmap");
    memset(at, 7, mib * MIB);
}

static void crowd(size_t mib) {
    int ready[2], gate[2];
    if (pipe(ready) || pipe(gate)) fail("pipe");
    for (int i = 0; i < 8; i++) {
        pid_t child = fork();
        if (child < 0) fail("fork");
        if (child == 0) {
            char byte;
            close(gate[1]);
            anonymous(mib / 8);
            if (write(ready[1], "", 1) != 1) _exit(3);
            _exit(read(gate[0], &byte, 1) != 0); /* until the parent ends */
        }
    }
    close(ready[1]);
    char byte;
    for (int i = 0; i < 8; i++)
        if (read(ready[0], &byte, 1) != 1) fail("a child is gone: read");
}

static void fill(int file, size_t mib) {
    if (file < 0) fail("open");
    for (size_t i = 0; i < mib; i++)
        for (size_t done = 0; done < MIB;) {
            ssize_t written = write(file, block + done, MIB - done);
            if (written < 0) fail("write");
            done += (size_t)written;
        }
}

static void sysv(size_t mib) {
    int id = shmget(IPC_PRIVATE, mib * MIB, 0600);
    if (id < 0) fail("shmget");
    char *at = shmat(id, NULL, 0);
    if (at == (void *)-1) fail("shmat");
    memset(at, 7, mib * MIB);
}

static void pipes(size_t mib) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files)) fail("getrlimit");
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files)) fail("setrlimit");
    for (size_t held = 0; held < mib * MIB;) {
        int ends[2];
        if (pipe2(ends, O_NONBLOCK)) fail("pipe2");
        fcntl(ends[1], F_SETPIPE_SZ, MIB); /* EPERM above the quota: then it is as small as it is */
        for (ssize_t written; (written = write(ends[1], block, sizeof block)) > 0;) held += (size_t)written;
    }
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    const char *kind = argv[1];
    size_t mib = strtoul(argv[2], NULL, 10);
    memset(block, 7, sizeof block);
    if (!strcmp(kind, "anonymous")) anonymous(mib);
    else if (!strcmp(kind, "crowd")) crowd(mib);
    else if (!strcmp(kind, "memfd")) fill(memfd_create("hog", 0), mib);
    else if (!strcmp(kind, "file")) fill(open("/tmp/hog", O_CREAT | O_WRONLY, 0600), mib);
    else if (!strcmp(kind, "sysv")) sysv(mib);
    else if (!strcmp(kind, "posix")) fill(shm_open("/hog", O_CREAT | O_RDWR, 0600), mib);
    else if (!strcmp(kind, "pipes")) pipes(mib);
    else return 2;
    printf("held %zu MiB\n", mib);
    return 0;
}
