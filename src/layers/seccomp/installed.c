/* What graded code may do, and what answers it gets elsewhere. Exits with the line that failed. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MUST(what) do { if (!(what)) return __LINE__; } while (0)
#define FAILS(call, with) MUST((call) == -1 && errno == (with))

static void *seven(void *unused) { (void)unused; return (void *)7; }

int main(void) {
    pthread_t thread;
    void *result;
    MUST(pthread_create(&thread, 0, seven, 0) == 0 && pthread_join(thread, &result) == 0 && result == (void *)7);

    int ends[2], status;
    char byte = 0;
    MUST(pipe(ends) == 0);
    if (fork() == 0)
        _exit(write(ends[1], "x", 1) == 1 ? 7 : 1);
    MUST(read(ends[0], &byte, 1) == 1 && byte == 'x');
    MUST(wait(&status) > 0 && WEXITSTATUS(status) == 7);

    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof here;
    int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    MUST(bind(server, (void *)&here, length) == 0 && listen(server, 1) == 0);
    MUST(getsockname(server, (void *)&here, &length) == 0 && connect(client, (void *)&here, length) == 0);

    MUST(mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    cpu_set_t cpus;
    MUST(sched_getaffinity(0, sizeof cpus, &cpus) == 0 && sched_setaffinity(0, sizeof cpus, &cpus) == 0);

    FAILS(syscall(SYS_clone3, 0, 0), ENOSYS);
    FAILS(syscall(425 /* io_uring_setup */, 1, 0), ENOSYS);
    FAILS(syscall(0x3fffffff), ENOSYS);
    FAILS(ioctl(ends[0], TIOCSTI, "x"), EPERM);
    FAILS(syscall(SYS_ioctl, ends[0], TIOCSTI | 1L << 32, "x"), EPERM);
    FAILS(syscall(SYS_socket, 40L | 1L << 32, SOCK_STREAM, 0), EAFNOSUPPORT);
#ifdef __x86_64__
    FAILS(syscall(0x40000000 | SYS_getpid), ENOSYS);
    int answer;
    __asm__ volatile("int $0x80" : "=a"(answer) : "a"(20 /* getpid */) : "memory");
    MUST(answer == -ENOSYS);
#endif
    return 0;
}
