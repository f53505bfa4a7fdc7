/* What an attack does outside, around the sandbox: `program ROLE [ARG]... sandbox ...` (`Attack::started_by`). */
#include <sys/wait.h>

/* Becomes the sandbox. */
static inline int become(char **command) {
    execvp(command[0], command);
    return not_tried(command[0]);
}

/* Runs the sandbox to its end: the exit code. */
static inline int run(char **command) {
    int status;
    pid_t child = fork();
    if (child < 0) return not_tried("fork");
    if (!child) _exit(become(command));
    if (waitpid(child, &status, 0) != child) return not_tried("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : NOT_TRIED;
}

/* Tells the attack a number: in the place of its argument "@". */
static inline char **fill_in(char **command, long number) {
    static char text[24];
    snprintf(text, sizeof text, "%ld", number);
    for (char **word = command; *word; word++)
        if (!strcmp(*word, "@")) *word = text;
    return command;
}

/* Inside: what could be done is done, and what came of it is seen outside. */
static inline int seen_outside(void) {
    printf("done, to be judged outside\n");
    return STOPPED;
}
