/* The REST and OAuth listener of one worker. */
#ifndef M2M_REST_REST_SERVER_H
#define M2M_REST_REST_SERVER_H

#include <event2/event.h>

#include "loop/conn_end.h"
#include "op/op.h"
#include "tls/tls.h"
#include "web/web.h"

struct rest_server;

/* `fds`: n bound, listening, non-blocking sockets, taken over; nothing is accepted yet. NULL:
 * out of memory (the sockets are closed). `env`, `tls` (NULL: plaintext) and `web` (NULL: no
 * pages) are borrowed. */
struct rest_server *rest_server_new(struct event_base *base, struct op_env *env, struct tls *tls, const struct web *web, const int *fds,
				    unsigned n);

/* Begins to accept. What has connected before has waited for it. To be called now and then
 * afterwards too: a listener that couldn't accept has paused. */
void rest_server_accept(struct rest_server *s);

/* Stops accepting, answers what still arrives on open connections with Connection: close, and
 * closes those that have been idle for `idle_ms`: a balancer that thought one good for its next
 * request, before it knew better, would lose that request with it. */
void rest_server_drain(struct rest_server *s, unsigned idle_ms);

/* To be asked again and again while draining. True when no connection is left. */
bool rest_server_drained(struct rest_server *s);

/* Open connections. */
unsigned rest_server_connections(const struct rest_server *s);

/* Why those ended that have. From any thread. */
const struct conn_ends *rest_server_ends(const struct rest_server *s);

/* Every op must have been answered before. */
void rest_server_free(struct rest_server *s);

#endif
