/* The sum of n numbers. */
#include <stdio.h>

int main(void) {
    long n, x, sum = 0;
    for (scanf("%ld", &n); n > 0 && scanf("%ld", &x) == 1; n--)
        sum += x;
    printf("%ld\n", sum);
}
