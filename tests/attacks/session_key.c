/* session_key COMMAND...: joins a new session keyring, puts a key in it, and becomes COMMAND.
   session_key (no argument): looks for that key. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/keyctl.h>

int main(int argc, char **argv) {
    char text[32] = "";
    if (argc > 1) {
        if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0) return perror("join"), 2;
        if (syscall(SYS_add_key, "user", "sandbox-test", "canary", 6, KEY_SPEC_SESSION_KEYRING) < 0) return perror("add"), 2;
        execvp(argv[1], argv + 1);
        return perror(argv[1]), 2;
    }
    long key = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "sandbox-test", 0);
    if (key < 0) return puts("none"), 0;
    syscall(SYS_keyctl, KEYCTL_READ, key, text, sizeof text - 1);
    printf("found %s\n", text);
    return 0;
}
