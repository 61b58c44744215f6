/* Whole small files: certificates, key sets, lists. */
#ifndef M2M_BASE_FILE_H
#define M2M_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

/* The bytes of the file at `path`, which the caller frees (free((char *)s.p)). Absent: errno
 * says why; EFBIG if it holds more than `max` bytes. Reads what a pipe or a device has now, and
 * never waits for more. */
struct str file_read(struct str path, size_t max);

/* Whether the mode of a regular file lets in others than its owner. Its group may read a file of
 * root's if this process is of that group: so Kubernetes gives a pod its secrets. A file that is
 * mounted by itself, as container engines mount a secret, was put there for this process. */
bool file_is_exposed(const char *path);

/* Opens what of the descriptors 0 to 2 is closed on /dev/null, so that no file or socket gets
 * such a number and is then taken for standard output. `writable`: what is written there is
 * lost; else writing fails with EBADF. Before anything else is opened. ERR_IO: there is no
 * /dev/null. */
MUST_CHECK enum err file_open_standard(bool writable);

#endif
