/* foreign_abi i386|x32: getpid through another architecture's entry; prints "pid N" if the kernel answered. */
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    long r = -38;
    if (argc > 1 && !strcmp(argv[1], "i386"))
        __asm__ volatile("int $0x80" : "=a"(r) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
    else
        __asm__ volatile("syscall" : "=a"(r) : "a"(39L | 0x40000000L) : "memory", "rcx", "r11");
    int answer = (int)r;
    printf(answer > 0 ? "pid %d\n" : "errno %d\n", answer > 0 ? answer : -answer);
    return 0;
}
