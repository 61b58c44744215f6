/* Where finished lines go: straight to the descriptor, or to a writer thread of the log's own.
 * Private to log (log.h has what others may call). */
#ifndef M2M_BASE_LOG_OUT_H
#define M2M_BASE_LOG_OUT_H

#include <stdbool.h>
#include <stddef.h>

/* One whole line. `important`: it doesn't wait for log_flush. */
void log_out(const char *line, size_t n, bool important);

#endif
