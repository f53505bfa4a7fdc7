/* leftover SECONDS ROUNDS LONGEST COMMAND...: starts COMMAND ROUNDS times. LONGEST > 0: kills it by SIGKILL after a
   random time of at most LONGEST microseconds, and nothing of it may be left SECONDS later. LONGEST = 0: lets it end,
   and nothing may be left then. As the "subreaper" of all that it starts (prctl(2)) this process has every orphan for
   a child, and the init of a PID namespace can only be waited for when all in the namespace is gone: no search of
   /proc, no sleep. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Ends what is left, so that a failed test leaves nothing either. */
static void late(int signal) {
    static const char text[] = "left over\n";
    char list[4096] = "";
    int children = open("/proc/thread-self/children", O_RDONLY);
    if (write(2, text, sizeof text - 1) > 0 && read(children, list, sizeof list - 1) > 0)
        for (char *at = list, *end; (signal = (int)strtol(at, &end, 10)) > 1; at = end) kill(signal, SIGKILL);
    _exit(1);
}

int main(int argc, char **argv) {
    if (argc < 5) return 2;
    long seconds = atol(argv[1]), rounds = atol(argv[2]), longest = atol(argv[3]);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal(SIGALRM, late);
    srandom((unsigned)time(NULL) ^ (unsigned)getpid());
    for (long i = 0; i < rounds; i++) {
        pid_t child = fork();
        if (child == 0) {
            execvp(argv[4], argv + 4);
            _exit(127);
        }
        if (longest > 0) {
            struct timespec wait = {0, random() % longest * 1000};
            nanosleep(&wait, NULL);
            kill(child, SIGKILL);
        }
        int status = 0;
        waitpid(child, &status, 0);
        if (longest > 0) alarm((unsigned)seconds);
        else if (waitpid(-1, NULL, WNOHANG) >= 0) late(0);
        while (waitpid(-1, NULL, 0) > 0) {}
        alarm(0);
        if (longest == 0) printf("%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    }
    return 0;
}
