/*
 * newcomers SECRET PROGRAM UNTIL MET: a hostile command that lies in wait for processes that come into its sandbox.
 *
 * Every process that it has not seen is stopped, if it lets itself be stopped, and looked at from its first moment on, as long as it
 * is there: what of it is the outside's, or has more rights than this process? It ends when the file UNTIL is there. The file MET gets
 * a byte for each that it met before its execve. Prints how many came, how many it met so, and what was found.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *secret, *program;
static int came, early, found;

static void finding(int pid, const char *what, const char *detail)
{
    if (found++ < 5)
        printf("%d: %s %s\n", pid, what, detail);
}

static ssize_t contents(int pid, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return -1;
    ssize_t count = read(fd, text, size - 1);
    close(fd);
    if (count >= 0)
        text[count] = 0;
    return count;
}

static ssize_t target(int pid, const char *name, char *text, size_t size)
{
    char path[300];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    ssize_t count = readlink(path, text, size - 1);
    if (count >= 0)
        text[count] = 0;
    return count;
}

static int is_early(int pid)
{
    static char text[1 << 12];
    if (target(pid, "exe", text, sizeof text) >= 0 || errno != EACCES)
        return 0;
    /* The same is said of one that is gone. */
    return contents(pid, "status", text, sizeof text) > 0 && !strstr(text, "State:\tZ") && !strstr(text, "State:\tX");
}

/* What is no finding of a process that has had its execve in the meantime. */
static void early_finding(int pid, const char *what, const char *detail)
{
    if (is_early(pid))
        finding(pid, what, detail);
}

static int holds(const char *text, ssize_t count, const char *word)
{
    return count > 0 && memmem(text, count, word, strlen(word)) != NULL;
}

/* True of a process that is still the stand-in's copy: its program cannot be told. */
static int look(int pid)
{
    static char text[1 << 16], path[64];
    ssize_t count = target(pid, "exe", text, sizeof text);
    int was_early = count < 0 && errno == EACCES;
    if (holds(text, count, program))
        finding(pid, "exe", text);

    count = contents(pid, "environ", text, sizeof text);
    if (holds(text, count, secret))
        finding(pid, "environ", text);
    count = contents(pid, "cmdline", text, sizeof text);
    if (holds(text, count, secret))
        finding(pid, "cmdline", text);

    count = contents(pid, "status", text, sizeof text);
    if (count > 0 && strstr(text, "State:\tZ") == NULL && strstr(text, "State:\tX") == NULL) {
        if (!strstr(text, "CapEff:\t0000000000000000") || !strstr(text, "CapBnd:\t0000000000000000") ||
            !strstr(text, "NoNewPrivs:\t1") || !strstr(text, "Seccomp:\t2"))
            finding(pid, "status", text);
    }

    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *descriptors = opendir(path);
    for (struct dirent *entry; descriptors && (entry = readdir(descriptors));) {
        char name[300];
        snprintf(name, sizeof name, "fd/%s", entry->d_name);
        count = target(pid, name, text, sizeof text);
        if (holds(text, count, "memfd:") || holds(text, count, "socket:") || holds(text, count, ":[4") || holds(text, count, "cgroup"))
            if (!holds(text, count, "pipe:"))
                finding(pid, name, text);
    }
    if (descriptors)
        closedir(descriptors);

    if (was_early) {
        snprintf(path, sizeof path, "/proc/%d/mem", pid);
        int memory = open(path, O_RDWR);
        if (memory >= 0) {
            /* One that is about to end has no memory any more: then the file can be opened, and is empty. */
            if (pread(memory, text, 1, 0) != 0)
                early_finding(pid, "mem", "opened");
            close(memory);
        }
        static const char *const places[] = {"cwd", "root", "maps", "ns/mnt"};
        for (size_t i = 0; i < sizeof places / sizeof *places; i++)
            if (target(pid, places[i], text, sizeof text) >= 0 || contents(pid, places[i], text, sizeof text) > 0)
                early_finding(pid, places[i], text);
        int pidfd = syscall(SYS_pidfd_open, pid, 0);
        int stolen = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, 3, 0);
        if (stolen >= 0) {
            early_finding(pid, "pidfd_getfd", "descriptor 3");
            close(stolen);
        }
        if (pidfd >= 0)
            close(pidfd);
        if (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0) {
            /* Stopped, it does not become another in the meantime. */
            ptrace(PTRACE_INTERRUPT, pid, 0, 0);
            waitpid(pid, NULL, __WALL);
            early_finding(pid, "ptrace", "seized");
            ptrace(PTRACE_DETACH, pid, 0, 0);
        }
    }
    return was_early;
}

int main(int argc, char **argv)
{
    static char seen[1 << 22];
    int met = argc == 5 ? open(argv[4], O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    if (met < 0)
        return 2;
    secret = argv[1], program = argv[2];
    seen[getpid()] = 1;
    for (int first = 1; access(argv[3], F_OK) != 0; first = 0) {
        DIR *processes = opendir("/proc");
        for (struct dirent *entry; processes && (entry = readdir(processes));) {
            int pid = isdigit(entry->d_name[0]) ? atoi(entry->d_name) : 0;
            if (pid <= 1 || seen[pid])
                continue;
            seen[pid] = 1;
            if (first)
                continue;
            came++;
            int stopped = kill(pid, SIGSTOP) == 0, was_early = look(pid);
            if (stopped)
                kill(pid, SIGCONT);
            while (look(pid))
                was_early = 1;
            look(pid);
            if (was_early && write(met, "x", 1) == 1)
                early++;
        }
        if (processes)
            closedir(processes);
    }
    printf("%d came, %d early, %d findings\n", came, early, found);
    return 0;
}
