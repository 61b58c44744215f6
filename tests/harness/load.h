/* A load of token requests from several threads, which remembers the id of every token that was
 * delivered, to be held against the audit. */
#ifndef M2M_TESTS_HARNESS_LOAD_H
#define M2M_TESTS_HARNESS_LOAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "harness/world.h"

#define LOAD_THREADS 4
#define LOAD_TOKENS  100000 /* that one thread delivers at most */

typedef char jti_text[37];

struct load_thread {
	struct load *load;
	pthread_t id;
	jti_text *jti;
	/* 200; 503; no answer; anything else */
	unsigned delivered, unavailable, broken, unexpected;
};

struct load {
	const struct org *org;
	_Atomic uint16_t port; /* may be changed while it runs */
	atomic_bool stop;
	atomic_uint delivered; /* so far */
	struct load_thread threads[LOAD_THREADS];
	unsigned unavailable, broken, unexpected; /* sums, after load_stop */
};

void load_start(struct load *l, const struct org *org, uint16_t port);
void load_stop(struct load *l);

/* Fails the test unless `more` further tokens are delivered within the time. */
void load_wait_delivered(struct load *l, unsigned more, int timeout_ms);

/* How many delivered ids don't stand in token_audit exactly once, with this client and its
 * secret version 1. */
int64_t load_unrecorded(const struct load *l, PGconn *db);

void load_free(struct load *l);

/* Puts ids into a temporary table delivered(jti uuid, version int), which it makes if need be. */
void delivered_begin(PGconn *db);
void delivered_put(PGconn *db, const char *jti, int version);
void delivered_end(PGconn *db);
/* How many of them don't stand in token_audit exactly once with that version and this client. */
int64_t delivered_unrecorded(PGconn *db, const char *client_id);

#endif
