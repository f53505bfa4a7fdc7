/* landlock_nested: forbids itself all reading, as a nested sandbox does, tries it, and counts how many more domains
   fit: the kernel allows 16 layers in all (landlock(7)), so the number tells how many were on already. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
    struct landlock_ruleset_attr all = {.handled_access_fs = LANDLOCK_ACCESS_FS_READ_FILE};
    int layers = 0, rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    if (rules < 0) return perror("create"), 1;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    while (layers < 100 && syscall(SYS_landlock_restrict_self, rules, 0) == 0) layers++;
    int fd = open("landlock_nested.c", O_RDONLY);
    printf("%d %s\n", layers, fd < 0 ? strerrorname_np(errno) : "not restricted");
    return 0;
}
