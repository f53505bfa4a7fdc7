/* fork_many N: forks up to N children that wait; prints how many came and the errno of the one that did not. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int most = argc > 1 ? atoi(argv[1]) : 0, made = 0, gate[2];
    if (pipe(gate)) return 2;
    for (; made < most; made++) {
        pid_t child = fork();
        if (child < 0) break;
        if (child == 0) {
            char byte;
            close(gate[1]);
            _exit(read(gate[0], &byte, 1) != 0); /* until the parent ends */
        }
    }
    printf("%d %s\n", made, made < most ? strerrorname_np(errno) : "ok");
    return 0;
}
