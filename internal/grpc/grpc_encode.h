/* From a finished op to its reply message, or to the rich form of its error. */
#ifndef M2M_GRPC_GRPC_ENCODE_H
#define M2M_GRPC_GRPC_ENCODE_H

#include "op/op.h"

/* The length-prefixed reply message of an op that ended with ERR_OK, in the op's arena, gzip'ed
 * if asked. Absent: out of memory. */
struct str grpc_encode(struct op *op, bool gzip);

struct grpc_error {
	enum err err;
	struct str text; /* for grpc-message, not yet percent-encoded */
	struct str request_id;
	const char *retry_after; /* seconds; NULL: trying again is of no use */
};

/* How an op ended; borrows from the op. */
struct grpc_error grpc_error_of(const struct op *op);

/* google.rpc.Status with ErrorInfo (reason: the error code, domain "m2m-gateway", metadata
 * request_id), and RetryInfo when there is a retry_after; serialized and in base64 without
 * padding, as grpc-status-details-bin takes it. In the arena; absent: out of memory. */
struct str grpc_encode_details(struct arena *a, const struct grpc_error *error);

#endif
