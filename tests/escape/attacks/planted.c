/* What an earlier or a concurrent run leaves in a directory that both may write. `program flip A B` in a sandbox beside exchanges the two
   names as fast as it can while another sandbox is being started; the others are what runs in that one. */
#include "attack.h"

ATTACK(flip) {
    char byte;
    ready();
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    while (read(STDIN_FILENO, &byte, 1) != 0)
        if (renameat2(AT_FDCWD, args[0], AT_FDCWD, args[1], RENAME_EXCHANGE)) return not_tried("renameat2");
    return STOPPED;
}

/* show PATH: what the host is to find in the output. */
ATTACK(show) {
    char text[64] = "";
    if (slurp(args[0], text, sizeof text) <= 0) return stopped(args[0]);
    printf("%s\n", text);
    return STOPPED;
}

/* speak: into whatever is behind stdout and stderr. */
ATTACK(speak) {
    puts("overwritten");
    fputs("overwritten\n", stderr);
    return STOPPED;
}

ATTACKS({"flip", flip}, {"show", show}, {"speak", speak})
