#include "store/store_seam.h"

#include <stdlib.h>

#include "store/store_parts.h"

#define SCRATCH (1 << 16)

const unsigned store_seam_seal_statement = STMT_SEAL;

static void hand_out(struct store *s, struct store_seam *ret)
{
	struct issue_queue *q = &s->issue;
	*ret = (struct store_seam){
		.waiting = &q->waiting,
		.flying = &q->flying,
		.answered = &q->answered,
		.stale = &q->stale,
		.send = q->send,
		.answer = q->answer,
		.waiting_count = &q->waiting_count,
		.crowded = &q->crowded,
		.trip_us = &q->trip_us,
		.token_us = &q->token_us,
		.written_us = &q->written_us,
		.ending = &q->ending,
		.refused = &q->refused,
	};
}

struct store *store_seam_new(struct event_base *base, const struct config *config, struct pg_conn *issuing, struct pg_conn *serving,
			     struct store_seam *ret)
{
	struct store *s = store_without_keys(base, config);
	if (s == NULL)
		return NULL;
	s->issue_conn = issuing;
	s->serve_conn = serving;
	s->scratch = arena_new(SCRATCH);
	if (s->scratch == NULL || key_snapshot_init(s) != ERR_OK || introspection_queue_init(s) != ERR_OK ||
	    store_seam_renew_queue(s, ret) != ERR_OK) {
		store_seam_free(s);
		return NULL;
	}
	return s;
}

/* A statement that the test leaves unanswered still holds its batch. */
void store_seam_end_queue(struct store *s)
{
	issue_queue_free(s);
	for (size_t i = 0; i < sizeof s->issue.batches / sizeof *s->issue.batches; i++) {
		keyset_drop(s->issue.batches[i].keys);
		PQclear(s->issue.batches[i].result);
	}
	s->issue = (struct issue_queue){.waiting_count = 0};
}

void store_seam_free(struct store *s)
{
	store_seam_end_queue(s);
	introspection_queue_free(s);
	key_snapshot_free(s);
	arena_free(s->scratch);
	free(s);
}

enum err store_seam_sign_with(struct store *s, struct keyset *set)
{
	struct shared_keyset *keys = calloc(1, sizeof *keys);
	if (keys == NULL) {
		keyset_free(set);
		return ERR_NO_MEMORY;
	}
	keys->set = set;
	keyset_drop(s->keys);
	s->keys = keyset_hold(keys);
	return ERR_OK;
}

enum err store_seam_renew_queue(struct store *s, struct store_seam *ret)
{
	store_seam_end_queue(s);
	enum err err = issue_queue_init(s);
	if (err == ERR_OK)
		hand_out(s, ret);
	return err;
}

void store_seam_poll(struct store *s)
{
	store_reload_keys(s);
}

void store_seam_tick(struct store *s)
{
	issue_tick(s);
}

void store_seam_connection_changed(struct store *s)
{
	issue_connection_changed(s);
}

void store_seam_stop_tick(struct store *s)
{
	event_del(s->tick);
}
