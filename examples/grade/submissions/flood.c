/* Prints until it is stopped. */
#include <stdio.h>

int main(void) {
    for (;;)
        puts("6");
}
