/* What the command reaches in the tree of files. */
#include "attack.h"
#include <sys/stat.h>

/* read PATH: the path itself, and where a root that was not detached would have it. */
ATTACK(read_secret) {
    char text[64], elsewhere[4200];
    if (slurp(args[0], text, sizeof text) > 0) return escaped("%s: %s", args[0], text);
    int first = errno;
    snprintf(elsewhere, sizeof elsewhere, "/old-root%s", args[0]);
    if (slurp(elsewhere, text, sizeof text) > 0) return escaped("%s: %s", elsewhere, text);
    return errno = first, stopped(args[0]);
}

ATTACKS({"read-secret", read_secret})
