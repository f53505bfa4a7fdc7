/* Does not compile; and the answers are not there to be included. */
#include "../tests/1.out"
