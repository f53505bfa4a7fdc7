/* first: reads which cgroup it is in before anything else, then tries to fork; prints both answers. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void) {
    char text[256];
    int file = open("/proc/self/cgroup", O_RDONLY);
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof text);
    pid_t child = length < 0 ? -1 : fork();
    if (child == 0) _exit(0);
    printf("%.*s%s\n", (int)(length < 0 ? 0 : length), text, child < 0 ? strerrorname_np(errno) : "forked");
    return 0;
}
