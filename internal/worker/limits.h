/* What the system allows this process, compared with what the settings may need. Once, at the
 * start. */
#ifndef M2M_WORKER_LIMITS_H
#define M2M_WORKER_LIMITS_H

#include "base/sbuf.h"
#include "config/config.h"

/* Raises RLIMIT_NOFILE to its hard limit, and sets config->descriptors_max so that clients leave
 * enough of it to the operator's listener and PostgreSQL. What the settings may need beyond a
 * limit is one warning in the log. ERR_OVERLOADED: too few descriptors to serve at all, one
 * sentence in `why`. */
MUST_CHECK enum err limits_apply(struct config *config, struct sbuf *why);

/* One warning in the log if the server leaves the login fewer connections than the workers open. */
void limits_check_database(const struct config *config, int connections);

#endif
