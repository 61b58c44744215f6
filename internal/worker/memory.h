/* The memory of libevent and OpenSSL. */
#ifndef M2M_WORKER_MEMORY_H
#define M2M_WORKER_MEMORY_H

/* libevent's is wiped when it is let go, and has a reserve (base/reserve.h); OpenSSL's failures are
 * counted (base/starved.h). Once, before anything of either is used. */
void memory_settle(void);

#endif
