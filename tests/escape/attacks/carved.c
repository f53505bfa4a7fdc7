/* What is narrower within a writable directory: /shared/sub/hooks, read-only. `program WAY`; the host looks whether anything got in. */
#include "attack.h"
#include <sys/mount.h>
#include <sys/stat.h>

/* A file of ours at that path, as git or make would find it outside. */
static int plant(const char *how) {
    mkdir("/shared/sub", 0777);
    mkdir("/shared/sub/hooks", 0777);
    return tried(how, open("/shared/sub/hooks/planted", O_CREAT | O_WRONLY, 0777));
}

ATTACK(directly) { return plant("open"); }
ATTACK(rename_parent) {
    if (rename("/shared/sub", "/shared/away")) return stopped("rename");
    return plant("rename");
}
/* The parent for another, which has been made ready. */
ATTACK(exchange_parent) {
    if (mkdir("/shared/ours", 0777) || mkdir("/shared/ours/hooks", 0777)) return not_tried("mkdir");
    if (mknod("/shared/ours/hooks/planted", S_IFREG | 0777, 0)) return not_tried("mknod");
    return tried("RENAME_EXCHANGE", renameat2(AT_FDCWD, "/shared/ours", AT_FDCWD, "/shared/sub", RENAME_EXCHANGE));
}
ATTACK(unmount) {
    if (umount2("/shared/sub/hooks", MNT_DETACH)) return stopped("umount2");
    return plant("umount2");
}
ATTACK(move_mount_away) {
    if (mkdir("/tmp/away", 0700)) return not_tried("mkdir");
    if (mount("/shared/sub/hooks", "/tmp/away", NULL, MS_MOVE, NULL)) return stopped("mount MS_MOVE");
    return plant("mount MS_MOVE");
}
/* The writable directory once more, without what is mounted on it. */
ATTACK(bind_parent) {
    if (mkdir("/tmp/copy", 0700)) return not_tried("mkdir");
    if (mount("/shared/sub", "/tmp/copy", NULL, MS_BIND, NULL)) return stopped("mount MS_BIND");
    return tried("mount MS_BIND", open("/tmp/copy/hooks/planted", O_CREAT | O_WRONLY, 0777));
}

ATTACKS({"directly", directly}, {"rename-parent", rename_parent}, {"exchange-parent", exchange_parent},
        {"unmount", unmount}, {"move", move_mount_away}, {"bind-parent", bind_parent})
