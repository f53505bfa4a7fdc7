/* System V IPC and POSIX message queues: the host's, and what is left of those made inside. */
#include "attack.h"
#include "outside.h"
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

enum { ROOM = 4096 };

/* outside: share KIND COMMAND...: an object that every user may use, and its id. */
ATTACK(share) {
    int memory = !strcmp(args[0], "memory"), queue = !strcmp(args[0], "queue");
    int id = memory ? shmget(IPC_PRIVATE, ROOM, 0666) : queue ? msgget(IPC_PRIVATE, 0666) : semget(IPC_PRIVATE, 1, 0666);
    if (id < 0) return not_tried(args[0]);
    int code = run(fill_in(args + 1, id));
    if (memory ? shmctl(id, IPC_RMID, NULL) : queue ? msgctl(id, IPC_RMID, NULL) : semctl(id, 0, IPC_RMID))
        return not_tried("IPC_RMID");
    return code;
}

ATTACK(attach_memory) {
    void *memory = shmat(atoi(args[0]), NULL, 0);
    return memory == (void *)-1 ? stopped("shmat") : escaped("the host's memory is mapped");
}

ATTACK(send_message) { return tried("msgsnd", msgsnd(atoi(args[0]), &(struct { long type; char text[4]; }){1, "x"}, 4, 0)); }
ATTACK(raise_semaphore) { return tried("semop", semop(atoi(args[0]), &(struct sembuf){0, 1, 0}, 1)); }

/* find KIND ID: in /proc/sysvipc */
ATTACK(find) {
    static char text[1 << 16], id[24];
    if (slurp(args[0], text, sizeof text) < 0) return stopped(args[0]);
    snprintf(id, sizeof id, " %s ", args[1]);
    return strstr(text, id) ? escaped("%s lists %s", args[0], args[1]) : (errno = ENOENT, stopped(args[0]));
}

/* outside: left COMMAND...: no object with this key, nor a queue of this name, may be there in the end. */
ATTACK(left) {
    char name[32];
    key_t key = getpid();
    snprintf(name, sizeof name, "/sandbox-escape-%d", (int)key);
    int code = run(fill_in(args, key));
    int memory = shmget(key, 0, 0), queue = msgget(key, 0), semaphore = semget(key, 0, 0), posix = mq_unlink(name);
    if (memory >= 0) shmctl(memory, IPC_RMID, NULL);
    if (queue >= 0) msgctl(queue, IPC_RMID, NULL);
    if (semaphore >= 0) semctl(semaphore, 0, IPC_RMID);
    if (memory >= 0 || queue >= 0 || semaphore >= 0) return escaped("an object with key %d is left", key);
    return !posix || errno != ENOENT ? escaped("%s is left", name) : code;
}

ATTACK(leave_memory) { return shmget(atoi(args[0]), ROOM, IPC_CREAT | 0666) < 0 ? stopped("shmget") : seen_outside(); }
ATTACK(leave_queue) { return msgget(atoi(args[0]), IPC_CREAT | 0666) < 0 ? stopped("msgget") : seen_outside(); }
ATTACK(leave_semaphore) { return semget(atoi(args[0]), 1, IPC_CREAT | 0666) < 0 ? stopped("semget") : seen_outside(); }

ATTACK(leave_posix_queue) {
    char name[32];
    struct mq_attr small = {.mq_maxmsg = 1, .mq_msgsize = 16};
    snprintf(name, sizeof name, "/sandbox-escape-%s", args[0]);
    return mq_open(name, O_CREAT | O_RDWR, 0666, &small) < 0 ? stopped("mq_open") : seen_outside();
}

ATTACKS({"share", share}, {"attach-memory", attach_memory}, {"send-message", send_message},
        {"raise-semaphore", raise_semaphore}, {"find", find}, {"left", left}, {"leave-memory", leave_memory},
        {"leave-queue", leave_queue}, {"leave-semaphore", leave_semaphore}, {"leave-posix-queue", leave_posix_queue})
