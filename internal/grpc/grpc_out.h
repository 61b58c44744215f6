/* What a call has still to send: whole messages, sent in pieces as flow control allows, and by
 * reference where the socket may take them later. The memory of a message is let go (and so wiped,
 * where it held a secret) when its last byte has left for the socket, or when the call is gone. */
#ifndef M2M_GRPC_GRPC_OUT_H
#define M2M_GRPC_GRPC_OUT_H

#include "base/list.h"
#include "base/str.h"
#include "grpc/grpc_sink.h"

/* One message. The queue refers to it, and so does each piece of it that waits for the socket. */
struct grpc_message {
	struct list node;
	unsigned refs;
	struct str left;
	void (*release)(void *owner);
	void *owner;
};

struct grpc_out {
	struct list messages;
	size_t n; /* bytes that wait */
};

void grpc_out_init(struct grpc_out *out);

/* Appends `bytes`. They and *m stay valid until release(owner) is called, exactly once. */
void grpc_out_add(struct grpc_out *out, struct grpc_message *m, struct str bytes, void (*release)(void *owner), void *owner);

/* How many bytes can be moved at once, `max` at most; 0: none wait. */
size_t grpc_out_ready(const struct grpc_out *out, size_t max);

/* Moves the next `n` bytes, as grpc_out_ready allowed, to the end of `to`. */
MUST_CHECK enum err grpc_out_move(struct grpc_out *out, struct grpc_sink *to, size_t n);

/* Lets go of what still waits. */
void grpc_out_drop(struct grpc_out *out);

#endif
