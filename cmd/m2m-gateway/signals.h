/* What each signal does to the daemon. deploy/running.md has the table. */
#ifndef M2M_GATEWAY_SIGNALS_H
#define M2M_GATEWAY_SIGNALS_H

#include <signal.h>

/* Blocks those that the main thread waits for, in this thread and in those that it starts:
 * SIGHUP, and those that end the process, which are SIGTERM, SIGINT, SIGQUIT and SIGXCPU. The
 * others that would end or stop a process without a fault of its own are ignored. */
void signals_settle(sigset_t *ret_taken);

/* From now on a signal that ends the process ends it at once, and SIGHUP does nothing. */
void signals_end_at_once(void);

#endif
