/* What a command reads besides its arguments. */
#ifndef M2MCTL_INPUT_H
#define M2MCTL_INPUT_H

#include <stddef.h>

#include "ctl.h"

/* All of stdin, without white space at its end. Absent: unreadable, or longer than `max` bytes. */
struct str input_stdin(struct arena *a, size_t max);

/* The same of the file at `path`; "-" is stdin. Says what is wrong and answers EXIT_FAILED. */
int input_file(struct ctl *ctl, struct str path, size_t max, struct str *ret);

#endif
