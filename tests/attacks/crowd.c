/* crowd KIND MOST: as many as it can get, at most MOST with itself; says how many and the errno of the one that was refused, and
   keeps all of them until its input ends. processes; threads; bomb: every process forks as long as it can. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void *wait_for_ever(void *nothing) {
    pause();
    return nothing;
}

static int another_process(void) {
    pid_t child = fork();
    if (child == 0) wait_for_ever(NULL);
    return child < 0 ? errno : 0;
}

static int another_thread(void) {
    pthread_t thread;
    return pthread_create(&thread, NULL, wait_for_ever, NULL);
}

/* Shared by all: how many may still be made. */
static int *left;

static int bomb(void) {
    while (__sync_fetch_and_sub(left, 1) > 0) {
        pid_t child = fork();
        if (child < 0) return errno;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    int most = atoi(argv[2]), made = 1, refused = 0;
    if (!strcmp(argv[1], "bomb")) {
        pid_t first = getpid();
        left = mmap(NULL, sizeof *left, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (left == MAP_FAILED) return 2;
        *left = most - 1;
        refused = bomb();
        if (getpid() != first) wait_for_ever(NULL);
        printf("bomb %s\n", refused ? strerrorname_np(refused) : "ok");
    } else {
        int (*another)(void) = strcmp(argv[1], "threads") ? another_process : another_thread;
        while (made < most && !(refused = another())) made++;
        printf("%d %s\n", made, refused ? strerrorname_np(refused) : "ok");
    }
    fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0) {}
    return 0;
}
