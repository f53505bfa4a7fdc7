/* burn KIND MILLISECONDS...: uses that much CPU time (for ever: 0) in a way that is hard to count or to end.
   alone; children: four, in turn, each that much; together: four at once; orphans: four that nobody waits for, and sleeps; unwaited: children in turn, SIGCHLD ignored, so that their time is in nobody's account; deaf: every signal ignored;
   stopped: four children, and stops itself; closed: no stdin, stdout or stderr. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long milliseconds;

static void burn(void) {
    struct timespec used;
    do {
        for (volatile int i = 0; i < 10000; i++) {}
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    } while (milliseconds == 0 || used.tv_sec * 1000 + used.tv_nsec / 1000000 < milliseconds);
}

static pid_t child(void) {
    pid_t pid = fork();
    if (pid == 0) {
        burn();
        _exit(0);
    }
    return pid;
}

static void four(void) {
    for (int i = 0; i < 4; i++) child();
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    const char *kind = argv[1];
    milliseconds = atol(argv[2]);
    if (!strcmp(kind, "alone")) burn();
    else if (!strcmp(kind, "children")) {
        for (int i = 0; i < 4; i++) waitpid(child(), NULL, 0);
    } else if (!strcmp(kind, "together")) {
        four();
        while (wait(NULL) > 0) {}
    } else if (!strcmp(kind, "orphans")) {
        if (fork() == 0) {
            four();
            _exit(0);
        }
        wait(NULL);
        pause();
    } else if (!strcmp(kind, "unwaited")) {
        signal(SIGCHLD, SIG_IGN);
        for (;;) {
            child();
            wait(NULL); /* until it is gone */
        }
    } else if (!strcmp(kind, "deaf")) {
        for (int number = 1; number < NSIG; number++) signal(number, SIG_IGN);
        burn();
    } else if (!strcmp(kind, "stopped")) {
        four();
        raise(SIGSTOP);
    } else if (!strcmp(kind, "closed")) {
        for (int stream = 0; stream < 3; stream++) close(stream);
        burn();
    } else return 2;
    return 0;
}
