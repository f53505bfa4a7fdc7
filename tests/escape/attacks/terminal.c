/* The caller's terminal: a pty of ours, on which a shell of sorts starts the sandbox as its foreground job. */
#include "attack.h"
#include "outside.h"
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

enum { NO_DISCIPLINE = 27 };

/* Leads the session, as a shell does. With `pipes` the job has the terminal, but not as its stdin, stdout and stderr. */
static int shell(int slave, int pipes, char **command) {
    int status, null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0)) return not_tried("TIOCSCTTY");
    signal(SIGTTOU, SIG_IGN);
    pid_t job = fork();
    if (!job) {
        setpgid(0, 0);
        tcsetpgrp(slave, getpid());
        signal(SIGTTOU, SIG_DFL);
        for (int fd = 0; fd < 3; fd++) dup2(pipes ? null : slave, fd);
        _exit(become(command));
    }
    if (waitpid(job, &status, 0) != job) return not_tried("waitpid");
    if (tcgetpgrp(slave) != job) return escaped("the foreground group is %d", tcgetpgrp(slave));
    return WIFEXITED(status) ? WEXITSTATUS(status) : NOT_TRIED;
}

static int watched(int pipes, char **command) {
    struct termios before = {0}, after = {0};
    char screen[1 << 14];
    size_t shown = 0;
    int master, slave, status, discipline = 0;
    if (openpty(&master, &slave, NULL, NULL, NULL) || tcgetattr(slave, &before)) return not_tried("openpty");
    fcntl(master, F_SETFD, FD_CLOEXEC);
    fcntl(slave, F_SETFD, FD_CLOEXEC);
    if (fchmod(slave, 0666)) return not_tried("fchmod");
    fflush(stdout);
    pid_t leader = fork();
    if (!leader) _exit(shell(slave, pipes, command));
    /* What it writes is taken, or it would wait; what is typed is echoed, and so seen too. */
    for (pid_t ended = 0; ended != leader || poll(&(struct pollfd){.fd = master, .events = POLLIN}, 1, 0) == 1;) {
        if (!ended) ended = waitpid(leader, &status, WNOHANG);
        if (poll(&(struct pollfd){.fd = master, .events = POLLIN}, 1, 20) != 1) continue;
        ssize_t got = read(master, screen + shown, sizeof screen - 1 - shown);
        if (got <= 0 || (shown += (size_t)got) >= sizeof screen - 1) break;
    }
    screen[shown] = 0;
    printf("the terminal shows: %s\n", screen);
    if (ioctl(slave, TIOCGETD, &discipline)) return not_tried("TIOCGETD");
    if (discipline) return escaped("line discipline %d", discipline);
    if (tcgetattr(slave, &after)) return not_tried("tcgetattr");
    if (memcmp(&before, &after, sizeof before)) return escaped("the terminal's settings are others");
    if (strstr(screen, "typed")) return escaped("something was typed");
    return WIFEXITED(status) ? WEXITSTATUS(status) : NOT_TRIED;
}

ATTACK(on_terminal) { return watched(0, args); }
ATTACK(with_pipes) { return watched(1, args); }

/* outside: path COMMAND...: the number of a terminal of the caller's. */
ATTACK(with_another) {
    int master, slave, number;
    if (openpty(&master, &slave, NULL, NULL, NULL) || fchmod(slave, 0666) || ioctl(master, TIOCGPTN, &number))
        return not_tried("openpty");
    (void)!write(master, "secret\n", 7);
    return run(fill_in(args, number));
}

/* type PATH COMMAND: by the ioctl with this number, all 64 bits of it. */
ATTACK(type) {
    int fd = open(args[0], O_RDWR | O_CLOEXEC);
    if (fd < 0) return stopped(args[0]);
    for (const char *key = "ty" "ped\n"; *key; key++)
        if (syscall(SYS_ioctl, fd, strtoull(args[1], NULL, 0), key) < 0) return stopped("TIOCSTI");
    return seen_outside();
}

/* The console's own ioctl: a terminal that is none does not know it, which only its driver can say. */
ATTACK(ask_console) {
    char question = 6;
    int answer = ioctl(0, TIOCLINUX, &question);
    return answer < 0 && errno == ENOTTY ? escaped("the terminal's driver was asked") : tried("TIOCLINUX", answer);
}

ATTACK(make_raw) {
    struct termios settings;
    if (tcgetattr(0, &settings)) return stopped("tcgetattr");
    cfmakeraw(&settings);
    signal(SIGTTOU, SIG_IGN);
    return tcsetattr(0, TCSANOW, &settings) ? stopped("tcsetattr") : seen_outside();
}

ATTACK(set_discipline) { return ioctl(0, TIOCSETD, &(int){NO_DISCIPLINE}) ? stopped("TIOCSETD") : seen_outside(); }

/* A group of its own in the foreground, which nobody takes out of it in the end. */
ATTACK(take_foreground) {
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (fd < 0) return stopped("/dev/tty");
    signal(SIGTTOU, SIG_IGN);
    setpgid(0, 0);
    return tcsetpgrp(fd, getpgrp()) ? stopped("tcsetpgrp") : seen_outside();
}

/* open NUMBER: a terminal of the host's, by its name there or where the old root would be. */
ATTACK(open_another) {
    char path[64];
    const char *places[] = {"/dev/pts/%s", "/old-root/dev/pts/%s"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(path, sizeof path, places[i], args[0]);
        int fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0) return escaped("%s", path);
    }
    return stopped(path);
}

ATTACKS({"on-terminal", on_terminal}, {"with-pipes", with_pipes}, {"with-another", with_another}, {"type", type},
        {"ask-console", ask_console}, {"make-raw", make_raw}, {"set-discipline", set_discipline},
        {"take-foreground", take_foreground}, {"open-another", open_another})
