/* What a call's HEADERS said, as far as anybody here asks: copied into the call's arena one
 * field at a time, counted and bounded. */
#ifndef M2M_GRPC_GRPC_METADATA_H
#define M2M_GRPC_GRPC_METADATA_H

#include "base/forwarded.h"
#include "op/op.h"

/* RFC 9113 section 6.5.2, SETTINGS_MAX_HEADER_LIST_SIZE: advertised, and counted here, since
 * nghttp2 does not enforce it. */
#define GRPC_HEADER_LIST_MAX (16 * 1024)

struct grpc_field {
	struct str value; /* the first one's */
	unsigned count;
};

struct grpc_metadata {
	struct str method, path, content_type, encoding, accept_encoding, timeout;
	struct forwarded caller;
	struct grpc_field authorization, request_id, traceparent, idempotency_key, user_agent;
	bool whole;  /* the header section has ended: what follows are trailers */
	size_t size; /* of the header list so far: names, values and 32 for each field */
};

/* Of a call on a connection with that other end; `proxies` and `remote` are borrowed. */
void grpc_metadata_init(struct grpc_metadata *m, const struct proxies *proxies, const struct remote *remote);

/* Of trailers nothing is kept (RFC 9110 section 6.5.1): a proxy adds to the header section alone.
 * Over GRPC_HEADER_LIST_MAX nothing more is kept but a request id. */
void grpc_metadata_add(struct grpc_metadata *m, struct arena *a, struct str name, struct str value);
bool grpc_metadata_too_large(const struct grpc_metadata *m);

/* Sets the op's request id, origin, bearer and idempotency key; may fail the op. */
void grpc_metadata_apply(const struct grpc_metadata *m, struct op *op);

#endif
