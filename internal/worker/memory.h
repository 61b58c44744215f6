/* libevent's memory: requests with secrets pass through its buffers, and what it lets go is wiped. */
#ifndef M2M_WORKER_MEMORY_H
#define M2M_WORKER_MEMORY_H

/* Once, before anything of libevent's is used. */
void memory_wipe_events(void);

#endif
