#include "harness/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "harness/proc.h"
#include "harness/require.h"

static void note(struct load_thread *t, int status, const struct http_reply *r)
{
	char token[TOKEN_MAX];
	switch (status) {
	case 200:
		body_text(r, "access_token", token, sizeof token);
		claim_text(token, "jti", t->jti[t->delivered++], sizeof t->jti[0]);
		atomic_fetch_add(&t->load->delivered, 1);
		break;
	case 503:
		t->unavailable++;
		sleep_ms(5);
		break;
	case 0:
		t->broken++;
		sleep_ms(5);
		break;
	default:
		t->unexpected++;
	}
}

static void *run(void *arg)
{
	struct load_thread *t = arg;
	struct load *l = t->load;
	struct http_conn *c = malloc(sizeof *c);
	struct http_reply *r = malloc(sizeof *r);
	uint16_t port = 0;
	char body[256];
	snprintf(body, sizeof body, "grant_type=client_credentials&client_id=%s&client_secret=%s", l->org->client_id, l->org->secret);
	const struct http_request q = {.path = "/oauth2/token", .type = "application/x-www-form-urlencoded", .body = body};
	c->fd = -1;
	while (!atomic_load(&l->stop) && t->delivered < LOAD_TOKENS) {
		if (port != atomic_load(&l->port))
			http_close(c);
		port = atomic_load(&l->port);
		int status = c->fd >= 0 || http_open(c, port) ? http_call_on(c, &q, r) : 0;
		char connection[32];
		note(t, status, r);
		if (status == 0 || strcasecmp(http_header(r, "Connection", connection, sizeof connection), "close") == 0)
			http_close(c);
	}
	http_close(c);
	free(c);
	free(r);
	return NULL;
}

void load_start(struct load *l, const struct org *org, uint16_t port)
{
	*l = (struct load){.org = org};
	atomic_store(&l->port, port);
	for (unsigned i = 0; i < LOAD_THREADS; i++) {
		struct load_thread *t = &l->threads[i];
		*t = (struct load_thread){.load = l, .jti = calloc(LOAD_TOKENS, sizeof(jti_text))};
		require(t->jti != NULL && pthread_create(&t->id, NULL, run, t) == 0, "no thread");
	}
}

void load_stop(struct load *l)
{
	atomic_store(&l->stop, true);
	for (unsigned i = 0; i < LOAD_THREADS; i++) {
		pthread_join(l->threads[i].id, NULL);
		l->unavailable += l->threads[i].unavailable;
		l->broken += l->threads[i].broken;
		l->unexpected += l->threads[i].unexpected;
	}
}

void load_free(struct load *l)
{
	for (unsigned i = 0; i < LOAD_THREADS; i++)
		free(l->threads[i].jti);
}

void load_wait_delivered(struct load *l, unsigned more, int timeout_ms)
{
	unsigned want = atomic_load(&l->delivered) + more;
	int64_t deadline = clock_mono_us() + (int64_t)timeout_ms * 1000;
	while (atomic_load(&l->delivered) < want) {
		require(clock_mono_us() < deadline, "only %u of %u tokens were delivered in time", atomic_load(&l->delivered), want);
		sleep_ms(5);
	}
}

void delivered_begin(PGconn *db)
{
	sql_exec(db, "create temporary table if not exists delivered (jti uuid, version int)");
	PGresult *r = PQexec(db, "copy delivered from stdin");
	bool ok = PQresultStatus(r) == PGRES_COPY_IN;
	PQclear(r);
	require(ok, "copy: %s", PQerrorMessage(db));
}

void delivered_put(PGconn *db, const char *jti, int version)
{
	char line[64];
	int n = snprintf(line, sizeof line, "%s\t%d\n", jti, version);
	require(PQputCopyData(db, line, n) == 1, "copy: %s", PQerrorMessage(db));
}

void delivered_end(PGconn *db)
{
	require(PQputCopyEnd(db, NULL) == 1, "copy: %s", PQerrorMessage(db));
	for (PGresult *r; (r = PQgetResult(db)) != NULL;) {
		bool ok = PQresultStatus(r) == PGRES_COMMAND_OK;
		PQclear(r);
		require(ok, "copy: %s", PQerrorMessage(db));
	}
	sql_exec(db, "analyze delivered");
}

int64_t delivered_unrecorded(PGconn *db, const char *client_id)
{
	return sql_int(db,
		       "select count(*) from (select d.jti from delivered d left join m2m.token_audit t "
		       "on t.jti = d.jti and t.secret_version = d.version and t.client_id = '%s' group by d.jti having count(t.jti) <> 1) "
		       "as missing",
		       client_id);
}

int64_t load_unrecorded(const struct load *l, PGconn *db)
{
	delivered_begin(db);
	for (unsigned i = 0; i < LOAD_THREADS; i++)
		for (unsigned k = 0; k < l->threads[i].delivered; k++)
			delivered_put(db, l->threads[i].jti[k], 1);
	delivered_end(db);
	return delivered_unrecorded(db, l->org->client_id);
}
