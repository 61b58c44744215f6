/* Whether the server takes writes: what the last one came to, and an idle connection's question. */
#include "base/clock.h"
#include "store/store_parts.h"

#define PROBE_AFTER_US 2000000

void store_note_write(struct store *s, enum err err)
{
	if (err == ERR_OK)
		s->write_refused = false;
	else if (err == ERR_STORE_UNAVAILABLE || err == ERR_INTERNAL)
		s->write_refused = true;
}

static void probe_answered(void *arg, enum err err, const PGresult *r)
{
	struct store *s = arg;
	s->probing = false;
	s->last_issue_answer_us = clock_mono_us();
	if (err != ERR_OK || pg_bool(r, 0, 0))
		s->write_refused = true;
	else if (!pg_is_null(r, 0, 1))
		s->write_refused = false;
}

/* An idle connection is asked now and then, so that a paused or read-only server shows before a
 * request meets it. */
void store_probe(struct store *s)
{
	bool due = s->write_refused || clock_mono_us() - s->last_issue_answer_us > PROBE_AFTER_US;
	if (s->probing || !due || pg_conn_in_flight(s->issue_conn) > 0)
		return;
	struct pg_params p;
	store_params(s, &p);
	pg_put_bool(&p, s->write_refused);
	s->probing = pg_conn_send(s->issue_conn, STMT_PROBE, &p, (int)s->config->request_timeout_ms, probe_answered, s) == ERR_OK;
}
