/* The caller's variables. */
#include "attack.h"

extern char **environ;

/* get NAME... */
ATTACK(get) {
    for (; *args; args++)
        if (getenv(*args)) return escaped("%s=%s", *args, getenv(*args));
    return errno = ENOENT, stopped("getenv");
}

/* find-in PATH TEXT: anywhere in a file of /proc. */
ATTACK(find_in) {
    static char text[1 << 17];
    int got = slurp(args[0], text, sizeof text);
    if (got < 0) return stopped(args[0]);
    return memmem(text, (size_t)got, args[1], strlen(args[1])) ? escaped("%s", args[0]) : (errno = ENOENT, stopped(args[0]));
}

/* find-on-stack TEXT: from the first variable up to the end of the stack, where execve(2) puts strings. The word that is looked for
   comes in two halves, or it would be found in the arguments. */
ATTACK(find_on_stack) {
    char text[64];
    snprintf(text, sizeof text, "%s%s", args[0], args[1]);
    unsigned long from, to, stack = (unsigned long)environ;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && fgets(line, sizeof line, maps))
        if (sscanf(line, "%lx-%lx", &from, &to) == 2 && from <= stack && stack < to)
            return memmem(environ, to - stack, text, strlen(text)) ? escaped("on the stack") : stopped("stack");
    return not_tried("/proc/self/maps");
}

ATTACKS({"get", get}, {"find-in", find_in}, {"find-on-stack", find_on_stack})
