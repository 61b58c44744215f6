/* Reading PostgreSQL's binary copy format (the documentation of COPY tells it): a header,
 * tuples, a trailer. */
#ifndef M2M_SQL_COPY_TUPLE_H
#define M2M_SQL_COPY_TUPLE_H

#include <stddef.h>

#include "base/str.h"

/* Takes the header off. ERR_MALFORMED: it isn't one. */
MUST_CHECK enum err copy_skip_header(struct str *stream);

/* Takes the next tuple off; absent at the trailer. ERR_MALFORMED: a tuple that is cut off, or
 * neither. */
MUST_CHECK enum err copy_next_tuple(struct str *stream, struct str *ret);

/* The field that begins at *at, which is moved behind it; absent: null. The first one of a tuple
 * begins at 2, behind the number of fields. ERR_MALFORMED. */
MUST_CHECK enum err copy_next_field(struct str tuple, size_t *at, struct str *ret);

#endif
