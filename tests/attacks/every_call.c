/* every_call: what the seccomp filters in force answer to system calls, none of which is carried out.
   stdin: a call on each line, GATE NUMBER ARG0 ... ARG4, with GATE "native" or "i386" (int $0x80);
   stdout: its answer, "allowed", the name of an errno, "pretended" (errno 0), "killed" or "no such gate".

   A filter of its own asks a thread about each call whose sixth argument is MAGIC. Of all filters' answers the strictest
   counts: to kill, an errno, to ask, to allow. So the thread is asked only what the filters before this one allow, and it
   answers with an errno that none of them gives. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAGIC 0x5ecca11u
#define ALLOWED EHWPOISON
#define MOST 400000

struct call {
    int i386;
    unsigned number;
    unsigned long argument[5];
    int answer; /* an errno, or a signal's number negated */
};

/* Shared with the process that makes the calls, which one of them may kill. */
static struct {
    size_t count, next;
    struct call calls[MOST];
} *all;

#ifdef __x86_64__
long through_int80(unsigned number, const unsigned long *arguments, unsigned long sixth);
__asm__("through_int80: push %rbx; push %rbp; mov %edi, %eax; mov %rdx, %rbp; mov %rsi, %r8\n"
        "mov (%r8), %rbx; mov 8(%r8), %rcx; mov 16(%r8), %rdx; mov 24(%r8), %rsi; mov 32(%r8), %rdi\n"
        "int $0x80; movslq %eax, %rax; pop %rbp; pop %rbx; ret");
#else
static long through_int80(unsigned number, const unsigned long *arguments, unsigned long sixth) {
    (void)number, (void)arguments, (void)sixth;
    return raise(SIGSEGV);
}
#endif

static void die(const char *what) {
    perror(what);
    exit(2);
}

static int listen_to_marked_calls(void) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MAGIC, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program, 0, 0, 0);
}

static void *answer(void *listener) {
    for (struct seccomp_notif asked = {0};; asked = (struct seccomp_notif){0}) {
        if (ioctl(*(int *)listener, SECCOMP_IOCTL_NOTIF_RECV, &asked)) continue;
        struct seccomp_notif_resp answer = {.id = asked.id, .error = -ALLOWED};
        ioctl(*(int *)listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
    return NULL;
}

static void make_the_calls(void) {
    int listener = listen_to_marked_calls();
    pthread_t thread;
    if (listener < 0 || pthread_create(&thread, NULL, answer, &listener)) die("every_call");
    for (; all->next < all->count; all->next++) {
        struct call *call = &all->calls[all->next];
        unsigned long *a = call->argument;
        long result = call->i386 ? through_int80(call->number, a, MAGIC)
                                 : syscall(call->number, a[0], a[1], a[2], a[3], a[4], (unsigned long)MAGIC);
        call->answer = call->i386 ? -result : result == -1 ? errno : 0;
    }
    /* Not _exit: it would leave MAGIC in the sixth register. */
    syscall(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}

static const char *name(const struct call *call) {
    return call->answer == ALLOWED                   ? "allowed"
           : call->answer > 0                        ? strerrorname_np(call->answer)
           : call->answer == 0                       ? "pretended"
           : call->answer == -SIGSYS                 ? "killed"
           : call->answer == -SIGSEGV && call->i386  ? "no such gate"
                                                     : "carried out";
}

int main(void) {
    all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) die("mmap");
    char gate[8];
    for (struct call *call = all->calls; all->count < MOST; call++, all->count++) {
        unsigned long *a = call->argument;
        if (scanf("%7s %u %lx %lx %lx %lx %lx", gate, &call->number, a, a + 1, a + 2, a + 3, a + 4) != 7) break;
        call->i386 = !strcmp(gate, "i386");
    }
    while (all->next < all->count) {
        int status;
        pid_t caller = fork();
        if (caller == 0) make_the_calls();
        if (caller < 0 || waitpid(caller, &status, 0) < 0) die("fork");
        if (WIFEXITED(status) && WEXITSTATUS(status)) return 2;
        if (WIFSIGNALED(status)) all->calls[all->next++].answer = -WTERMSIG(status);
    }
    for (size_t i = 0; i < all->count; i++) puts(name(&all->calls[i]));
    return 0;
}
