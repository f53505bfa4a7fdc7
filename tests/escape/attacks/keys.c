/* Keys: keyrings(7). */
#include "attack.h"
#include "outside.h"
#include <linux/keyctl.h>

static const char SECRET[] = "key-5c20";

static long add(const char *name, long ring) { return syscall(SYS_add_key, "user", name, SECRET, sizeof SECRET - 1, ring); }

static long control(int operation, long a, const void *b, const void *c, long d) {
    return syscall(SYS_keyctl, operation, a, b, c, d);
}

/* outside: in-session COMMAND...: a key in the caller's session keyring. */
ATTACK(in_session) {
    if (control(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) < 0) return not_tried("KEYCTL_JOIN_SESSION_KEYRING");
    return add("sandbox-escape", KEY_SPEC_SESSION_KEYRING) < 0 ? not_tried("add_key") : become(args);
}

/* outside: of-user COMMAND...: a key that its user may read, by whatever process of his. */
ATTACK(of_user) {
    enum { USER_MAY_ALL = 0x3f3f0000 };
    char name[40];
    snprintf(name, sizeof name, "sandbox-escape-%d", (int)getpid());
    long key = add(name, KEY_SPEC_USER_KEYRING);
    if (key < 0 || control(KEYCTL_SETPERM, key, (void *)USER_MAY_ALL, 0, 0)) return not_tried("add_key");
    int code = run(fill_in(args, key));
    return control(KEYCTL_UNLINK, key, (void *)KEY_SPEC_USER_KEYRING, 0, 0) ? not_tried("KEYCTL_UNLINK") : code;
}

static int read_key(long key) {
    char text[32] = "";
    return key >= 0 && control(KEYCTL_READ, key, text, (void *)(sizeof text - 1), 0) > 0 ? escaped("%s", text) : stopped("key");
}

ATTACK(read_session) { return read_key(control(KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "sandbox-escape", 0)); }
ATTACK(read_by_number) { return read_key(atol(args[0])); }
ATTACK(request) { return read_key(syscall(SYS_request_key, "user", "sandbox-escape", NULL, 0)); }

ATTACK(list) {
    static char text[1 << 16];
    char number[16];
    snprintf(number, sizeof number, "%08lx", atol(args[0]));
    if (slurp("/proc/keys", text, sizeof text) < 0) return stopped("/proc/keys");
    return strstr(text, number) ? escaped("%s is listed", number) : (errno = ENOENT, stopped("/proc/keys"));
}

/* Each counts against a quota that the caller shares. */
ATTACK(use_quota) { return tried("add_key", add("sandbox-escape-own", KEY_SPEC_PROCESS_KEYRING)); }

ATTACKS({"in-session", in_session}, {"of-user", of_user}, {"read-session", read_session},
        {"read-by-number", read_by_number}, {"request", request}, {"list", list}, {"use-quota", use_quota})
