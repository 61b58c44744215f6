/* One gRPC message in the gzip coding (RFC 1952), whole at a time. zlib's state is wiped when it
 * is let go, since messages hold secrets. */
#ifndef M2M_GRPC_GZIP_H
#define M2M_GRPC_GZIP_H

#include "base/arena.h"
#include "base/str.h"

/* Decompresses into out[cap], cap >= 1; on a failure scraps of the message may be left there,
 * for the caller to wipe. ERR_TOO_LARGE: it would be more than `cap` bytes; ERR_MALFORMED: not
 * one gzip member and nothing else; ERR_NO_MEMORY. */
MUST_CHECK enum err gzip_inflate(struct str in, char *out, size_t cap, size_t *ret_n);

/* Compresses into the arena. The `reserve` bytes before the result are the caller's to fill (a
 * prefix). Absent: out of memory. */
struct str gzip_deflate(struct arena *a, struct str in, size_t reserve);

#endif
