/* Capabilities: none is held, none comes back, none is of use. */
#include "attack.h"
#include "outside.h"
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/securebits.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/xattr.h>

typedef struct __user_cap_data_struct sets[2];

static long capset_all(unsigned inheritable) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    sets all = {{~0u, ~0u, inheritable}, {~0u >> 23, ~0u >> 23, inheritable}};
    return syscall(SYS_capset, &header, all);
}

static int holds_any(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    sets held = {{0}};
    if (syscall(SYS_capget, &header, held)) return not_tried("capget");
    unsigned any = held[0].effective | held[0].permitted | held[1].effective | held[1].permitted;
    return any ? escaped("permitted: %#x %#x", held[0].permitted, held[1].permitted) : (errno = EPERM, stopped("capget"));
}

ATTACK(hold) { return holds_any(); }
ATTACK(take) { return tried("capset", capset_all(0)); }
ATTACK(be_bounded) { return prctl(PR_CAPBSET_READ, CAP_NET_RAW, 0, 0, 0) > 0 ? escaped("bounding") : (errno = EPERM, stopped("bounding")); }

/* Into the inheritable set, from there into the ambient one, which execve(2) keeps. */
ATTACK(raise_ambient) {
    if (capset_all(1u << CAP_NET_RAW)) return stopped("capset");
    return tried("PR_CAP_AMBIENT_RAISE", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0));
}

ATTACK(set_securebits) { return tried("PR_SET_SECUREBITS", prctl(PR_SET_SECUREBITS, 0, 0, 0, 0)); }

/* As uid 0, which execve(2) or setuid(2) may give back what the process had dropped. */
ATTACK(become_root_again) {
    return setresuid(0, 0, 0) ? stopped("setresuid") : holds_any();
}

ATTACK(execute_again) {
    return execl("/proc/self/exe", "capabilities", "hold", NULL), not_tried("execl");
}

static int put(const char *path, const char *format, unsigned id) {
    char text[32];
    int fd = open(path, O_WRONLY | O_CLOEXEC), length = snprintf(text, sizeof text, format, id);
    return fd < 0 || write(fd, text, (size_t)length) != length || close(fd);
}

/* An ordinary user may set them in a namespace of his own; they count in every one whose uid 0 is the same. */
static int set_file_capabilities(const char *path) {
    struct vfs_ns_cap_data data = {VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE, {{1u << CAP_NET_RAW, 0}}, 0};
    unsigned uid = getuid(), gid = getgid();
    if (uid && (unshare(CLONE_NEWUSER) || put("/proc/self/setgroups", "deny", 0))) return 1;
    if (uid && (put("/proc/self/gid_map", "0 %u 1", gid) || put("/proc/self/uid_map", "0 %u 1", uid))) return 1;
    return setxattr(path, "security.capability", &data, XATTR_CAPS_SZ_2, 0) != 0;
}

/* outside: with-file-capabilities PATH COMMAND... */
ATTACK(with_file_capabilities) {
    int status;
    pid_t child = fork();
    if (!child) _exit(set_file_capabilities(args[0]));
    return waitpid(child, &status, 0) != child || status ? not_tried("setxattr") : become(args + 1);
}

/* execute PATH: with nothing held before, and uid 0 no reason to hold anything. */
ATTACK(execute) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    sets none = {{0}};
    prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0);
    if (syscall(SYS_capset, &header, none)) return not_tried("capset");
    return execl(args[0], "capabilities", "hold", NULL), stopped("execl");
}

ATTACK(mount_tmpfs) { return tried("mount", mount("tmpfs", "/tmp", "tmpfs", 0, NULL)); }
ATTACK(change_root) { return tried("chroot", chroot("/tmp")); }
ATTACK(name_host) { return tried("sethostname", sethostname("other", 5)); }

ATTACK(take_down_loopback) {
    struct {
        struct nlmsghdr header;
        struct ifinfomsg info;
    } ask = {{sizeof ask, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, 0, 0}, {.ifi_index = 1, .ifi_change = IFF_UP}};
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char room[256];
    } answer;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0 || send(fd, &ask, sizeof ask, 0) < 0 || recv(fd, &answer, sizeof answer, 0) < 0) return not_tried("netlink");
    errno = -answer.error.error;
    return tried("RTM_NEWLINK", errno ? -1 : 0);
}

ATTACKS({"hold", hold}, {"take", take}, {"be-bounded", be_bounded}, {"raise-ambient", raise_ambient},
        {"set-securebits", set_securebits}, {"become-root-again", become_root_again}, {"execute-again", execute_again},
        {"with-file-capabilities", with_file_capabilities}, {"execute", execute}, {"mount-tmpfs", mount_tmpfs},
        {"change-root", change_root}, {"name-host", name_host}, {"take-down-loopback", take_down_loopback})
