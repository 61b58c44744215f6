/* What goes out on a connection. The frames of a turn of the loop are gathered in memory that all
 * connections of a server use, one after the other, and leave in one call. What the socket doesn't
 * take waits in a buffer of the connection's own. Both are wiped of what has left. */
#ifndef M2M_GRPC_GRPC_SINK_H
#define M2M_GRPC_GRPC_SINK_H

#include <event2/buffer.h>

#include "base/str.h"
#include "tls/tls_stream.h"

/* Enough for the answers of a batch. */
#define GRPC_GATHERED_MAX (80 * 1024)

struct grpc_gathered {
	size_t n;
	char bytes[GRPC_GATHERED_MAX];
};

struct grpc_sink {
	struct grpc_gathered *gathered; /* the server's; empty between two events of its loop */
	struct evbuffer *waiting;       /* goes first; NULL: nothing waits */
};

void grpc_sink_init(struct grpc_sink *s, struct grpc_gathered *gathered);
void grpc_sink_clear(struct grpc_sink *s);

size_t grpc_sink_length(const struct grpc_sink *s);

/* Whether `n` bytes more would be gathered, and so needn't outlive the call. */
bool grpc_sink_gathers(const struct grpc_sink *s, size_t n);
/* Copies `bytes` to the end. */
MUST_CHECK enum err grpc_sink_put(struct grpc_sink *s, struct str bytes);
/* Refers to `bytes` at the end, which stay valid until sent(bytes.p, bytes.n, arg) is called. */
MUST_CHECK enum err grpc_sink_refer(struct grpc_sink *s, struct str bytes, evbuffer_ref_cleanup_cb sent, void *arg);
/* Nothing is gathered any more, all waits. */
MUST_CHECK enum err grpc_sink_keep(struct grpc_sink *s);

/* As much as the socket takes. ERR_OVERLOADED: it takes no more now, and the rest waits. ERR_IO:
 * nobody is there. ERR_NO_MEMORY: the rest is lost. */
MUST_CHECK enum err grpc_sink_send(struct grpc_sink *s, struct tls_stream *to);

#endif
