/* The path of the public URL (M2M_ISSUER) stands before every route where a proxy leaves it
 * there, and behind the well-known paths of the metadata (RFC 8414 section 3.1). Routes are
 * served with it and without it. */
#ifndef M2M_REST_REST_PATH_H
#define M2M_REST_REST_PATH_H

#include "base/sbuf.h"
#include "base/str.h"

/* `path` as op_table.h knows it; unchanged where public_path stands in no such place. Borrowed
 * from `path`, or static. */
struct str rest_path_of_route(struct str public_path, struct str path);

/* `text` as one segment of a path: all but RFC 3986's unreserved characters percent-encoded. */
void rest_path_put_segment(struct sbuf *out, struct str text);

#endif
