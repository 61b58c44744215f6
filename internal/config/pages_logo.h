/* The picture that M2M_PAGES_LOGO names: for the pages that show it, and for `m2mctl config check`,
 * which says beforehand what would stop the gateway. */
#ifndef M2M_CONFIG_PAGES_LOGO_H
#define M2M_CONFIG_PAGES_LOGO_H

#include "base/arena.h"
#include "base/err.h"
#include "base/sbuf.h"

#define PAGES_LOGO_MAX (256 * 1024)

/* *ret: the file's bytes, in `a`; *ret_extension: ".png" or ".svg", by what they are.
 * ERR_MALFORMED: it can't be used, and `faults` has a line that says why. ERR_NO_MEMORY. */
MUST_CHECK enum err pages_logo_read(struct str path, struct arena *a, struct str *ret, const char **ret_extension, struct sbuf *faults);

#endif
