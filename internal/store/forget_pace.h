/* How much a run forgets of what has had its time (forget.sql). A run that was too much for the
 * time there is would be it again. So there is less after a failure, and more after each
 * success. */
#ifndef M2M_STORE_FORGET_PACE_H
#define M2M_STORE_FORGET_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define FORGET_ROWS     10000 /* of a run at most; the first one's */
#define FORGET_ROWS_MIN 100

/* The rows of the run behind one of `rows`. */
int32_t forget_rows_after(int32_t rows, bool failed);

#endif
