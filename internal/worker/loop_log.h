/* What libevent has to say goes into our log, a line a second at most. */
#ifndef M2M_WORKER_LOOP_LOG_H
#define M2M_WORKER_LOOP_LOG_H

/* Before the first event base. */
void loop_log_start(void);

#endif
