/* What has to hold of a message before protobuf-c may unpack it: protobuf-c looks at no string's
 * bytes, ends each at its first NUL, and puts no bound to depth or to the number of fields. Only
 * the folder grpc/ may include this. */
#ifndef M2M_GRPC_PB_CHECK_H
#define M2M_GRPC_PB_CHECK_H

#include <protobuf-c/protobuf-c.h>

#include "base/str.h"

#define PB_DEPTH_MAX  8  /* messages within each other, the outermost counted */
#define PB_FIELDS_MAX 64 /* in all, unknown ones and those of nested messages counted */

/* Walks the wire format of `message`, which is to be a `type`. Strings must be UTF-8 without
 * NUL, also in nested messages. Unknown fields are stepped over. ERR_MALFORMED: it isn't
 * well-formed, holds a group (which proto3 doesn't have), or a known field has a wire type that
 * isn't its own (protobuf-c doesn't take such a field for an unknown one, as others do, but
 * refuses the message). ERR_TOO_LARGE: more fields or more depth than the limits. */
MUST_CHECK enum err pb_check(const ProtobufCMessageDescriptor *type, struct str message);

#endif
