/* More than was allowed. */
#include "attack.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* count MOST: processes that are there at the same time. They die with this one. */
ATTACK(processes) {
    int most = atoi(args[0]);
    for (int made = 0; made < most; made++) {
        pid_t child = fork();
        if (child < 0) return stopped("fork");
        if (child) continue;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sleep(30);
        _exit(0);
    }
    return escaped("%d processes", most);
}

static void *stay(void *none) { return sleep(30), none; }

ATTACK(threads) {
    int most = atoi(args[0]);
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 1 << 16);
    for (int made = 0; made < most; made++) {
        pthread_t thread;
        if ((errno = pthread_create(&thread, &small, stay, NULL))) return stopped("pthread_create");
    }
    return escaped("%d threads", most);
}

/* Raises its own limit first as far as it goes. */
static void raise_limit(int resource) {
    struct rlimit limit;
    getrlimit(resource, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(resource, &limit);
    limit.rlim_cur = limit.rlim_max = RLIM_INFINITY;
    prlimit(0, resource, &limit, NULL);
}

ATTACK(open_files) {
    int most = atoi(args[0]);
    raise_limit(RLIMIT_NOFILE);
    for (int made = 0; made < most; made++)
        if (dup(0) < 0) return stopped("dup");
    return escaped("%d descriptors", most);
}

ATTACK(file_size) {
    raise_limit(RLIMIT_FSIZE);
    signal(SIGXFSZ, SIG_IGN);
    int fd = open("/shared/large", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) return not_tried("/shared/large");
    int answer = tried("ftruncate", ftruncate(fd, atol(args[0])));
    unlink("/shared/large");
    return answer;
}

ATTACK(address_space) {
    raise_limit(RLIMIT_AS);
    void *most = mmap(NULL, (size_t)atol(args[0]), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return tried("mmap", most == MAP_FAILED ? -1 : 0);
}

ATTACK(locked_memory) {
    size_t most = (size_t)atol(args[0]);
    raise_limit(RLIMIT_MEMLOCK);
    void *memory = mmap(NULL, most, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? not_tried("mmap") : tried("mlock", mlock(memory, most));
}

/* A child dies of abort(3) in a directory of the host's. */
ATTACK(core) {
    raise_limit(RLIMIT_CORE);
    pid_t child = fork();
    if (child < 0) return not_tried("fork");
    if (!child) {
        if (chdir("/shared")) _exit(1);
        abort();
    }
    int status;
    waitpid(child, &status, 0);
    if (!WIFSIGNALED(status)) return not_tried("abort");
    errno = EPERM;
    return WCOREDUMP(status) ? escaped("core dumped") : stopped("core");
}

/* fill DIRECTORY MEBIBYTES: with the pages of one file. */
ATTACK(fill) {
    static char mebibyte[1 << 20];
    char path[4200];
    snprintf(path, sizeof path, "%s/full", strcmp(args[0], "HOME") ? args[0] : getenv("HOME"));
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    if (fd < 0) return stopped(path);
    for (int left = atoi(args[1]); left; left--)
        if (write(fd, mebibyte, sizeof mebibyte) != sizeof mebibyte) return stopped(path);
    return escaped("%s: %s MiB", path, args[1]);
}

/* crowd DIRECTORY FILES: empty ones. */
ATTACK(crowd) {
    for (int made = 0; made < atoi(args[1]); made++) {
        char path[64];
        snprintf(path, sizeof path, "%s/%d", args[0], made);
        int fd = open(path, O_WRONLY | O_CREAT, 0600);
        if (fd < 0) return stopped(path);
        close(fd);
    }
    return escaped("%s files in %s", args[1], args[0]);
}

/* namespaces MOST: held by descriptors. */
ATTACK(namespaces) {
    raise_limit(RLIMIT_NOFILE);
    if (unshare(CLONE_NEWUSER)) return not_tried("CLONE_NEWUSER");
    for (int made = 0; made < atoi(args[0]); made++)
        if (unshare(CLONE_NEWUTS) || open("/proc/self/ns/uts", O_RDONLY) < 0) return stopped("CLONE_NEWUTS");
    return escaped("%s namespaces", args[0]);
}

/* The file system that limits are set in, seen from a cgroup namespace of its own. Nothing is written there. */
ATTACK(cgroup_file_system) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS)) return not_tried("CLONE_NEWUSER");
    if (unshare(CLONE_NEWCGROUP)) return stopped("CLONE_NEWCGROUP");
    return tried("mount", mount("none", "/tmp", "cgroup2", 0, NULL));
}

ATTACKS({"processes", processes}, {"threads", threads}, {"open-files", open_files}, {"file-size", file_size},
        {"address-space", address_space}, {"locked-memory", locked_memory}, {"core", core}, {"fill", fill},
        {"crowd", crowd}, {"namespaces", namespaces}, {"cgroup-file-system", cgroup_file_system})
