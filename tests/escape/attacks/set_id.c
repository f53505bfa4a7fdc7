/* Ways to leave a file with a set-user-ID or set-group-ID bit in a directory of the host's: `program WAY`, in /shared. On the host it
   would be the caller's, and run with his rights by whoever finds it. */
#include "attack.h"
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

enum { FCHMODAT2 = 452, SET_ID = 06755 };
static const char *const file = "/shared/file";

static int plain(void) {
    int fd = open(file, O_CREAT | O_RDWR, 0755);
    if (fd < 0) exit(not_tried(file));
    return fd;
}

ATTACK(by_chmod) {
    close(plain());
    return tried("chmod", syscall(SYS_chmod, file, SET_ID));
}
ATTACK(by_fchmod) { return tried("fchmod", syscall(SYS_fchmod, plain(), SET_ID)); }
ATTACK(by_fchmodat) {
    close(plain());
    return tried("fchmodat", syscall(SYS_fchmodat, AT_FDCWD, file, SET_ID));
}
ATTACK(by_fchmodat2) { return tried("fchmodat2", syscall(FCHMODAT2, plain(), "", SET_ID, AT_EMPTY_PATH)); }
/* What the kernel ignores of an argument must not hide the rest. */
ATTACK(by_high_bits) {
    if (syscall(SYS_fchmod, plain(), 0xdeadbeef00000000 | SET_ID) == 0) return escaped("fchmod");
    return tried("chmod", syscall(SYS_chmod, file, 0xffffffff00000000 | SET_ID));
}
ATTACK(by_open) { return tried("open", syscall(SYS_open, file, O_CREAT | O_WRONLY, SET_ID)); }
ATTACK(by_openat) { return tried("openat", syscall(SYS_openat, AT_FDCWD, file, O_CREAT | O_WRONLY, SET_ID)); }
ATTACK(by_creat) { return tried("creat", syscall(SYS_creat, file, SET_ID)); }
ATTACK(by_openat2) {
    struct open_how how = {.flags = O_CREAT | O_WRONLY, .mode = SET_ID};
    return tried("openat2", syscall(SYS_openat2, AT_FDCWD, file, &how, sizeof how));
}
ATTACK(by_nameless) {
    char path[64];
    int fd = syscall(SYS_openat, AT_FDCWD, "/shared", O_TMPFILE | O_WRONLY, SET_ID);
    if (fd < 0) return stopped("openat O_TMPFILE");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return tried("linkat", linkat(AT_FDCWD, path, AT_FDCWD, file, AT_SYMLINK_FOLLOW));
}
ATTACK(by_mknod) { return tried("mknod", syscall(SYS_mknod, file, S_IFREG | SET_ID, 0)); }
ATTACK(by_mknodat) { return tried("mknodat", syscall(SYS_mknodat, AT_FDCWD, file, S_IFREG | SET_ID, 0)); }
ATTACK(by_directory) {
    if (mkdir(file, 0755)) return not_tried("mkdir");
    return tried("chmod of a directory", syscall(SYS_chmod, file, 02777));
}

/* The same calls by the numbers of another architecture. */
ATTACK(by_i386) {
#ifdef __x86_64__
    static char path[] = "/shared/file"; /* a static program: below 4 GiB */
    long answer;
    close(plain());
    __asm__ volatile("int $0x80"
                     : "=a"(answer)
                     : "a"(15 /* chmod */), "b"(path), "c"(SET_ID)
                     : "memory", "r8", "r9", "r10", "r11");
    if (answer < 0) errno = -answer;
    return tried("int $0x80", answer < 0 ? -1 : 0);
#else
    return errno = ENOSYS, not_tried("int $0x80");
#endif
}

/* A call that the kernel makes for us: openat in a ring. */
ATTACK(by_ring) {
    struct io_uring_params setup = {0};
    int ring = syscall(SYS_io_uring_setup, 1, &setup);
    if (ring < 0) return stopped("io_uring_setup");
    const int both = PROT_READ | PROT_WRITE;
    char *queue = mmap(NULL, 4096, both, MAP_SHARED, ring, IORING_OFF_SQ_RING);
    struct io_uring_sqe *entries = mmap(NULL, 4096, both, MAP_SHARED, ring, IORING_OFF_SQES);
    if (queue == MAP_FAILED || (void *)entries == MAP_FAILED) return not_tried("mmap of the ring");
    entries[0] = (struct io_uring_sqe){.opcode = IORING_OP_OPENAT,
                                       .fd = AT_FDCWD,
                                       .addr = (uintptr_t)file,
                                       .open_flags = O_CREAT | O_WRONLY,
                                       .len = SET_ID};
    *(unsigned *)(queue + setup.sq_off.array) = 0;
    __atomic_store_n((unsigned *)(queue + setup.sq_off.tail), 1, __ATOMIC_RELEASE);
    return tried("io_uring_enter", syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0));
}

/* No bit, but capabilities that the file would give. */
ATTACK(by_file_capability) {
    static const uint32_t all[] = {0x02000001, ~0u, 0, ~0u, 0}; /* VFS_CAP_REVISION_2, effective */
    return tried("security.capability", fsetxattr(plain(), "security.capability", all, sizeof all, 0));
}

ATTACKS({"chmod", by_chmod}, {"fchmod", by_fchmod}, {"fchmodat", by_fchmodat}, {"fchmodat2", by_fchmodat2},
        {"high-bits", by_high_bits}, {"open", by_open}, {"openat", by_openat}, {"creat", by_creat},
        {"openat2", by_openat2}, {"nameless", by_nameless}, {"mknod", by_mknod}, {"mknodat", by_mknodat},
        {"directory", by_directory}, {"i386", by_i386}, {"ring", by_ring}, {"capability", by_file_capability})
