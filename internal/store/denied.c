/* An open-addressed table of counters; an entry's key is (minute, client, address, reason). */
#include "store/denied.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/network.h"
#include "crypto/secret.h"
#include "store/store_parts.h"

#define BUCKETS     1024 /* a power of two */
#define FULL_AT     768  /* beyond this, further kinds share the anonymous bucket of their reason */
#define REASONS_MAX 16   /* reasons are our own error codes */

struct bucket {
	uint64_t minute_wire; /* seconds since 1970, big-endian for the statement */
	uint32_t attempts;    /* 0: free */
	uint32_t attempts_wire;
	const char *reason;
	char client_id[FOREIGN_MAX + 1]; /* empty: unknown */
	char remote_addr[INET6_ADDRSTRLEN + 4];
};

struct denied_table {
	struct bucket buckets[BUCKETS];
	unsigned used;
	struct bucket shared[REASONS_MAX]; /* what didn't fit, by reason */
	/* what is being inserted now; comes back here if that fails */
	struct bucket *sending;
	unsigned sending_count;
	struct arena *arena;
	struct denied_health health; /* but for `kinds` and `room` */
};

/* FNV-1a with a per-process key: an attacker who can't guess it can't aim at one slot, and the
 * probing is bounded by the table anyway. */
static uint64_t hash(const struct bucket *b, uint64_t key)
{
	uint64_t h = 14695981039346656037ULL ^ key;
	const char *const parts[] = {b->client_id, b->remote_addr, b->reason};
	h = (h ^ b->minute_wire) * 1099511628211ULL;
	for (size_t i = 0; i < 3; i++)
		for (const char *p = parts[i]; *p != '\0'; p++)
			h = (h ^ (unsigned char)*p) * 1099511628211ULL;
	return h ^ h >> 32;
}

static bool same(const struct bucket *a, const struct bucket *b)
{
	return a->minute_wire == b->minute_wire && a->reason == b->reason && strcmp(a->client_id, b->client_id) == 0 &&
	       strcmp(a->remote_addr, b->remote_addr) == 0;
}

static void count(struct denied_table *t, const struct bucket *kind, uint32_t attempts)
{
	for (uint64_t i = hash(kind, (uintptr_t)t), n = 0; n < BUCKETS; i++, n++) {
		struct bucket *b = &t->buckets[i % BUCKETS];
		if (b->attempts > 0 && !same(b, kind))
			continue;
		if (b->attempts == 0) {
			if (t->used >= FULL_AT)
				break;
			*b = *kind;
			b->attempts = 0;
			t->used++;
		}
		b->attempts += b->attempts > INT32_MAX - attempts ? 0 : attempts;
		return;
	}
	t->health.crowded_us = clock_mono_us();
	for (unsigned i = 0; i < REASONS_MAX; i++) {
		struct bucket *b = &t->shared[i];
		if (b->reason != NULL && b->reason != kind->reason)
			continue;
		b->reason = kind->reason;
		b->minute_wire = kind->minute_wire;
		b->attempts += b->attempts > INT32_MAX - attempts ? 0 : attempts;
		t->health.merged += attempts;
		return;
	}
	t->health.lost += attempts;
}

struct denied_health denied_health(const struct store *s)
{
	struct denied_health health = s->denied->health;
	health.kinds = s->denied->used;
	health.room = FULL_AT;
	return health;
}

static void put_network(struct str remote_addr, char *out, size_t cap)
{
	struct in6_addr six = {.s6_addr = {0}};
	size_t n = network_of(remote_addr, six.s6_addr);
	if (n == sizeof(struct in_addr))
		inet_ntop(AF_INET, six.s6_addr, out, (socklen_t)cap);
	else if (n > 0 && inet_ntop(AF_INET6, &six, out, (socklen_t)cap - 4) != NULL)
		memcpy(out + strlen(out), "/64", 4);
}

void denied_count(struct store *s, struct str client_id, struct str remote_addr, const char *reason)
{
	struct bucket kind = {.reason = reason};
	int64_t minute = store_now_us(s) / 60000000 * 60;
	kind.minute_wire = htobe64((uint64_t)minute);
	if (client_id.p != NULL && client_id.n <= FOREIGN_MAX)
		memcpy(kind.client_id, client_id.p, client_id.n);
	put_network(remote_addr, kind.remote_addr, sizeof kind.remote_addr);
	count(s->denied, &kind, 1);
}

static void inserted(void *arg, enum err err, const PGresult *r)
{
	(void)r;
	struct store *s = arg;
	struct denied_table *t = s->denied;
	struct bucket *sent = t->sending;
	t->sending = NULL;
	t->health.failed = err != ERR_OK;
	for (unsigned i = 0; err != ERR_OK && i < t->sending_count; i++)
		count(t, &sent[i], sent[i].attempts);
	free(sent);
}

static void put_sent(struct denied_table *t, struct pg_params *p)
{
	struct str column[BUCKETS + REASONS_MAX] = {STR_NONE};
	unsigned n = t->sending_count;
	for (unsigned i = 0; i < n; i++)
		column[i] = str_from(&t->sending[i].minute_wire, sizeof t->sending[i].minute_wire);
	pg_put_array(p, PG_INT8, column, n);
	for (unsigned i = 0; i < n; i++)
		column[i] = t->sending[i].client_id[0] == '\0' ? STR_NONE : str_of(t->sending[i].client_id);
	pg_put_array(p, PG_TEXT, column, n);
	for (unsigned i = 0; i < n; i++)
		column[i] = t->sending[i].remote_addr[0] == '\0' ? STR_NONE : str_of(t->sending[i].remote_addr);
	pg_put_array(p, PG_TEXT, column, n);
	for (unsigned i = 0; i < n; i++)
		column[i] = str_of(t->sending[i].reason);
	pg_put_array(p, PG_TEXT, column, n);
	for (unsigned i = 0; i < n; i++) {
		t->sending[i].attempts_wire = htonl(t->sending[i].attempts);
		column[i] = str_from(&t->sending[i].attempts_wire, sizeof t->sending[i].attempts_wire);
	}
	pg_put_array(p, PG_INT4, column, n);
}

static void collect(struct denied_table *t, struct bucket *from, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (from[i].attempts > 0)
			t->sending[t->sending_count++] = from[i];
	memset(from, 0, n * sizeof *from);
}

void denied_flush(struct store *s)
{
	struct denied_table *t = s->denied;
	if (t->sending != NULL || (t->used == 0 && t->shared[0].attempts == 0))
		return;
	t->sending = calloc(BUCKETS + REASONS_MAX, sizeof *t->sending);
	if (t->sending == NULL)
		return;
	t->sending_count = 0;
	collect(t, t->buckets, BUCKETS);
	collect(t, t->shared, REASONS_MAX);
	t->used = 0;

	struct pg_params p;
	arena_reset(t->arena);
	pg_params_init(&p, t->arena);
	put_sent(t, &p);
	struct uuid batch_id = uuid_v7(clock_wall_us());
	pg_put_uuid(&p, &batch_id);
	enum err err = pg_conn_send(s->serve_conn, STMT_DENIED, &p, (int)s->config->request_timeout_ms, inserted, s);
	if (err != ERR_OK)
		inserted(s, err, NULL);
}

enum err denied_init(struct store *s)
{
	s->denied = calloc(1, sizeof *s->denied);
	if (s->denied == NULL)
		return ERR_NO_MEMORY;
	s->denied->arena = arena_new(1 << 20);
	return s->denied->arena == NULL ? ERR_NO_MEMORY : ERR_OK;
}

void denied_free(struct store *s)
{
	if (s->denied == NULL)
		return;
	arena_free(s->denied->arena);
	free(s->denied->sending);
	free(s->denied);
}
