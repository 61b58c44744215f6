/* Between multi_buffer.c and the library (ld's --wrap): a lane that goes wrong, and a CPU that has
 * no IFMA. A build without the library has nothing to stand between. */
#ifndef M2M_TESTS_UNIT_MB_HOOKS_H
#define M2M_TESTS_UNIT_MB_HOOKS_H

#include <stdbool.h>

#define MB_NONE (-1)

/* One bit of what it makes; what it verifies comes out the other way round. */
void mb_spoil(int lane);
void mb_hide_cpu(bool hide);
void mb_open_nothing(bool nothing); /* RSA's public operation fails, and touches nothing */

#endif
