/* The supervisor is killed: `outside MOST SANDBOX...` starts it again and again, kills it after 0, 1, 2 ... MOST milliseconds and at last
   when the command is busy, and looks whether anything of the run is left a moment later. `busy` is what runs inside. */
#include "attack.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

/* Between the supervisor's end and that of all the others, milliseconds: of those that must go a busy machine may be slow to take leave,
   and of those that stay it is known after a moment. */
enum { MOMENT = 1000, PATIENCE = 30000 };

static void wait_ms(long ms) { nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL); }

/* True if all children, which orphans of the run become (PR_SET_CHILD_SUBREAPER), end in time. */
static int all_end(void) {
    int most = *getenv("SANDBOX_WITHOUT") ? MOMENT : PATIENCE;
    for (int waited = 0; waited < most; waited += 5, wait_ms(5)) {
        pid_t pid;
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {}
        if (pid < 0) return 1;
    }
    return 0;
}

/* Who is left is a child of this process: proc_tid_children(5). */
static void end_them(void) {
    char children[4096];
    do {
        char *next = children, *end = children;
        if (slurp("/proc/thread-self/children", children, sizeof children) < 0) return;
        for (long pid; (pid = strtol(next, &end, 10)) > 0; next = end) kill((pid_t)pid, SIGKILL);
    } while (waitpid(-1, NULL, 0) > 0);
}

/* Ends when the supervisor has: after so many milliseconds, or (-1) when the command has written something. */
static void run_and_kill(char **sandbox, int after) {
    int output[2];
    if (pipe2(output, O_CLOEXEC)) exit(not_tried("pipe2"));
    pid_t supervisor = fork();
    if (supervisor < 0) exit(not_tried("fork"));
    if (!supervisor) {
        dup2(output[1], 1);
        execv(*sandbox, sandbox);
        _exit(NOT_TRIED);
    }
    close(output[1]);
    if (after >= 0) wait_ms(after);
    else if (read(output[0], &(char){0}, 1) != 1) exit(not_tried("the output of the command"));
    kill(supervisor, SIGKILL);
    waitpid(supervisor, NULL, 0);
    close(output[0]);
}

ATTACK(outside) {
    int most = atoi(args[0]);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int after = 0; after <= most + 1; after++) {
        run_and_kill(args + 1, after > most ? -1 : after);
        if (!all_end()) return end_them(), escaped("what was left in round %d", after);
    }
    return errno = ESRCH, stopped("looking for survivors");
}

/* Children that no signal ends, no parent's death and no closed stdout; all of them work, for longer than anybody waits here. */
ATTACK(busy) {
    for (int number = 1; number < 65; number++) signal(number, SIG_IGN);
    for (int i = 0; i < 3; i++)
        if (!fork()) {
            prctl(PR_SET_PDEATHSIG, 0);
            if (i) setsid();
            for (time_t end = time(NULL) + 120; time(NULL) < end; wait_ms(1)) (void)!write(1, ".", 1);
            _exit(0);
        }
    while (wait(NULL) > 0) {}
    return stopped("nothing");
}

ATTACKS({"outside", outside}, {"busy", busy})
