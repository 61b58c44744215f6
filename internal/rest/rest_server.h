/* The REST and OAuth listener of one worker. */
#ifndef M2M_REST_REST_SERVER_H
#define M2M_REST_REST_SERVER_H

#include <event2/event.h>

#include "op/op.h"

struct rest_server;

/* `fd`: a bound, listening, non-blocking socket, taken over. NULL: out of memory (the socket is closed). `env` is borrowed. */
struct rest_server *rest_server_new(struct event_base *base, struct op_env *env, int fd);

/* Stops accepting, closes what is idle, and answers what still arrives on open connections with Connection: close. */
void rest_server_drain(struct rest_server *s);

/* No request is being worked on and no reply being sent. */
bool rest_server_idle(struct rest_server *s);

/* Every op must have been answered before. */
void rest_server_free(struct rest_server *s);

#endif
