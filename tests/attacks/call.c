/* call NAME-or-NUMBER [ARG]...: one raw system call; prints "ok" or the name of the errno.
   ARG: a number (any base), "@TEXT" for a string, "%N" for N zero bytes. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct { const char *name; long number; } calls[] = {
#define CALL(name) { #name, SYS_##name }
    CALL(add_key), CALL(bpf), CALL(chroot), CALL(clone), CALL(clone3), CALL(fsopen), CALL(init_module), CALL(ioctl),
    CALL(io_uring_setup), CALL(kexec_load), CALL(keyctl), CALL(kill), CALL(memfd_create), CALL(mount),
    CALL(mount_setattr), CALL(move_mount), CALL(open_by_handle_at), CALL(open_tree), CALL(perf_event_open),
    CALL(personality), CALL(pidfd_getfd), CALL(pidfd_open), CALL(pivot_root), CALL(prctl), CALL(prlimit64),
    CALL(process_vm_readv), CALL(ptrace), CALL(reboot), CALL(request_key), CALL(sched_setaffinity),
    CALL(sched_setscheduler), CALL(setdomainname), CALL(sethostname), CALL(setns), CALL(setpriority), CALL(setuid),
    CALL(socket), CALL(swapon), CALL(syslog), CALL(umount2), CALL(unshare), CALL(userfaultfd),
};

int main(int argc, char **argv) {
    long number = -1, a[6] = {0};
    for (size_t i = 0; argc > 1 && i < sizeof calls / sizeof *calls; i++)
        if (!strcmp(argv[1], calls[i].name)) number = calls[i].number;
    if (number < 0) number = argc > 1 ? strtol(argv[1], NULL, 0) : 0;
    if (number <= 0) return fprintf(stderr, "call: unknown %s\n", argc > 1 ? argv[1] : ""), 2;
    for (int i = 2; i < argc && i < 8; i++)
        a[i - 2] = argv[i][0] == '@'   ? (long)(argv[i] + 1)
                   : argv[i][0] == '%' ? (long)calloc(1, strtoul(argv[i] + 1, NULL, 0))
                                       : (long)strtoull(argv[i], NULL, 0);
    errno = 0;
    long r = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    printf("%s\n", r == -1 ? strerrorname_np(errno) : "ok");
    return 0;
}
