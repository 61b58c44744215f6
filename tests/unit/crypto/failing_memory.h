/* Allocations that fail on demand: malloc, calloc and realloc of our own objects, and so also
 * OpenSSL's (crypto_memory.h), come by here first (ld's --wrap). */
#ifndef M2M_TESTS_UNIT_FAILING_MEMORY_H
#define M2M_TESTS_UNIT_FAILING_MEMORY_H

#include <stdbool.h>

/* From now on `before` allocations succeed, and the one behind them fails. */
void memory_fail_after(unsigned before);
/* All succeed again. Whether one has failed. */
bool memory_end(void);

#endif
