/* malloc, realloc and free for libevent, with a reserve for when the system has no memory.
 *
 * libevent 2.1.12 doesn't survive every failure of its allocations: evhttp dereferences NULL when a
 * connection, a request or its list of headers can't be made, a timer that can't be set never
 * fires, a bufferevent without its callback never writes. So what malloc(3) refuses comes from a
 * region that the process has from its start. It costs address space and no resident memory
 * until then.
 *
 * The reserve isn't for carrying on. While less than half of it is left, the owners of connections
 * accept none and refuse requests that need libevent's memory (reserve_is_low). What they hold
 * comes back as connections end. Only beyond the whole reserve does libevent see NULL.
 *
 * Secrets pass through libevent's buffers, so what is let go is wiped (base/wiped.h). Any thread
 * may free what another took. */
#ifndef M2M_BASE_RESERVE_H
#define M2M_BASE_RESERVE_H

#include <stdbool.h>
#include <stddef.h>

#define RESERVE_BYTES (4 * 1024 * 1024)

/* As malloc(3), calloc(3), realloc(3) and free(3) are, and to be mixed with none of them. */
void *reserve_malloc(size_t n);
void *reserve_calloc(size_t n, size_t size);
void *reserve_realloc(void *p, size_t n);
void reserve_free(void *p);

/* Bytes of the reserve that are taken now, in whole granules. */
size_t reserve_used(void);

/* Less than half is left. */
bool reserve_is_low(void);

#endif
