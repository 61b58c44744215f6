/* The request side of a call's byte stream: DATA frames of any size in, whole messages out.
 *
 *   Length-Prefixed-Message = Compressed-Flag (1 byte, 0 or 1) Message-Length (4 bytes,
 *   big-endian) Message
 *
 * A message is bounded by GRPC_MESSAGE_MAX before a byte of it is kept, so a length of 4 GiB
 * costs nothing. */
#ifndef M2M_GRPC_GRPC_READER_H
#define M2M_GRPC_GRPC_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define GRPC_PREFIX_LEN  5
#define GRPC_MESSAGE_MAX (16 * 1024) /* as M2M's REST bodies; compressed and decompressed */

struct grpc_reader {
	bool gzip; /* the call's grpc-encoding is gzip; set it before the first byte */
	uint8_t prefix[GRPC_PREFIX_LEN];
	size_t prefix_n;
	char *message; /* malloc'ed once the length is known, GRPC_MESSAGE_MAX at most */
	size_t message_n, message_len;
	char *plain;     /* the decompressed message */
	bool compressed; /* the last complete message was */
};

/* Takes bytes off *in until one message is complete, or all of them. *ret_message is absent
 * while more are needed; it is borrowed until the next call. ERR_BODY_TOO_LARGE,
 * ERR_MALFORMED_MESSAGE (flag other than 0 or 1, compressed without an encoding, not gzip),
 * ERR_NO_MEMORY: the stream can't be read on, and the reader is only to be released. */
MUST_CHECK enum err grpc_reader_take(struct grpc_reader *r, struct str *in, struct str *ret_message);

/* True when no part of a message waits for its rest: the stream may end here. */
bool grpc_reader_at_boundary(const struct grpc_reader *r);

/* Wipes and frees what it holds. A zeroed reader is empty. */
void grpc_reader_release(struct grpc_reader *r);

#endif
