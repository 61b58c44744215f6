/* Whole small files: certificates, key sets, lists. */
#ifndef M2M_BASE_FILE_H
#define M2M_BASE_FILE_H

#include <stddef.h>

#include "base/str.h"

/* The bytes of the file at `path`, which the caller frees (free((char *)s.p)). Absent: errno says why; EFBIG if it holds more than `max` bytes. Reads what a pipe or a device has
 * now, and never waits for more. */
struct str file_read(struct str path, size_t max);

#endif
