/* What Prometheus' client libraries tell of any process, out of /proc. Private to worker/. */
#ifndef M2M_WORKER_PROCESS_METRICS_H
#define M2M_WORKER_PROCESS_METRICS_H

#include "base/sbuf.h"

void process_metrics(struct sbuf *out);

#endif
