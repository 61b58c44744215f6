/* Calls without a connection, for the server's own methods: grpc_call.h's functions, which keep
 * what they were told, and a server that has a health and a reflection. */
#ifndef M2M_TESTS_FAKE_CALL_H
#define M2M_TESTS_FAKE_CALL_H

#include "grpc/grpc_call.h"
#include "grpc/grpc_health.h"
#include "grpc/grpc_reflection.h"

#define FAKE_SENT_MAX 8

struct grpc_server {
	struct grpc_health health;
	struct grpc_reflection *reflection;
};

struct grpc_call {
	const struct grpc_method *method;
	struct list node;
	void *data;

	/* how it behaves */
	bool full; /* takes no more messages: the next one ends it */
	/* this one's end closes that one too, as a broken connection does */
	struct grpc_call *takes_along;
	/* ended, it goes away only when it is closed; else at once */
	bool lingers;

	/* what it was told */
	struct str sent[FAKE_SENT_MAX];
	size_t sent_n;
	bool ended, gone;
	int status; /* -1: not ended */
	struct str text;
};

extern struct grpc_server fake_server;

void fake_up(void);
void fake_down(void);

/* A call of the method at `path`, which has to be one of the table. Its memory lasts until
 * fake_down. */
struct grpc_call *fake_call_open(const struct grpc_method *methods, size_t n, const char *path);
void fake_call_message(struct grpc_call *call, struct str message);
/* The client, or its connection, goes away. */
void fake_call_close(struct grpc_call *call);

#endif
