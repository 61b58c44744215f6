/* What a move copies: units, each with a hash (org_move_units.sql). Both ends list theirs in the
 * same order; of what differs the target's is removed first, and then the source's is written. */
#include <string.h>

#include "crypto/hasher.h"
#include "operator/operator_sql.h"
#include "operator/org_move_parts.h"

#define BATCH          500
#define BATCH_MEMORY   (64 * 1024 * 1024)
#define USES_AT_A_TIME 200

enum column { PART, KEY, HASH, EXPIRES };

enum pass { REMOVE, WRITE };

struct batch {
	enum pass pass;
	struct str part; /* borrowed from a listing */
	struct str keys[BATCH];
	size_t n;
};

static enum err list_units(struct org_move *m, struct operator_db *db, PGresult **ret)
{
	struct pg_params p;
	pg_params_init(&p, m->from->a);
	pg_put_uuid(&p, &m->organization_id);
	pg_put_time(&p, m->lists_from);
	return org_move_run(m, db, sql_org_move_units, &p, NULL, ret);
}

/* ---- one batch ---- */

static enum err remove_units(struct org_move *m, const struct batch *b, struct arena *a)
{
	struct pg_params p;
	pg_params_init(&p, a);
	pg_put_uuid(&p, &m->organization_id);
	pg_put_text(&p, b->part);
	pg_put_array(&p, PG_TEXT, b->keys, b->n);
	return org_move_run(m, m->to, sql_org_move_remove, &p, NULL, NULL);
}

static enum err write_units(struct org_move *m, const struct batch *b, struct arena *a)
{
	PG_RESULT docs = NULL;
	struct pg_params p;
	pg_params_init(&p, a);
	pg_put_uuid(&p, &m->organization_id);
	pg_put_text(&p, b->part);
	pg_put_array(&p, PG_TEXT, b->keys, b->n);
	enum err err = org_move_run(m, m->from, sql_org_move_read, &p, NULL, &docs);
	if (err != ERR_OK)
		return err;
	pg_params_init(&p, a);
	pg_put_text(&p, b->part);
	pg_put_text(&p, pg_str(docs, 0, 0));
	return org_move_run(m, m->to, sql_org_move_write, &p, NULL, NULL);
}

/* What has expired isn't listed, and may lie there still under the same key. */
static enum err replace_units(struct org_move *m, const struct batch *b, struct arena *a)
{
	enum err err = str_eq(b->part, STR("client")) ? ERR_OK : remove_units(m, b, a);
	return err == ERR_OK ? write_units(m, b, a) : err;
}

static enum err flush(struct org_move *m, struct batch *b)
{
	if (b->n == 0)
		return ERR_OK;
	enum err err = ERR_NO_MEMORY;
	if (str_eq(b->part, STR("organization"))) {
		err = b->pass == WRITE ? org_move_take_organization(m) : ERR_OK;
	} else {
		struct arena *a = arena_new(BATCH_MEMORY);
		if (a != NULL)
			err = b->pass == WRITE ? replace_units(m, b, a) : remove_units(m, b, a);
		arena_free(a);
	}
	b->n = 0;
	return err;
}

static enum err batch_add(struct org_move *m, struct batch *b, struct str part, struct str key)
{
	enum err err = ERR_OK;
	if (b->n == BATCH || (b->n > 0 && !str_eq(b->part, part)))
		err = flush(m, b);
	b->part = part;
	b->keys[b->n++] = key;
	return err;
}

/* ---- two listings beside each other ---- */

static int compare_text(struct str a, struct str b)
{
	int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
	return order != 0 ? order : a.n < b.n ? -1 : a.n > b.n;
}

/* As the listings are sorted. One that is at its end comes last. */
static int compare(const PGresult *s, int i, const PGresult *t, int j)
{
	if (i == PQntuples(s) || j == PQntuples(t))
		return i == PQntuples(s) ? 1 : -1;
	int order = compare_text(pg_str(s, i, PART), pg_str(t, j, PART));
	return order != 0 ? order : compare_text(pg_str(s, i, KEY), pg_str(t, j, KEY));
}

static enum err walk(struct org_move *m, const PGresult *s, const PGresult *t, enum pass pass)
{
	struct batch b = {.pass = pass};
	enum err err = ERR_OK;
	int i = 0, j = 0;
	while (err == ERR_OK && (i < PQntuples(s) || j < PQntuples(t))) {
		int order = compare(s, i, t, j);
		bool differs = order != 0 || !str_eq(pg_str(s, i, HASH), pg_str(t, j, HASH));
		const PGresult *of = order <= 0 ? s : t;
		int row = order <= 0 ? i : j;
		if (differs && (pass == REMOVE ? order >= 0 : order <= 0))
			err = batch_add(m, &b, pg_str(of, row, PART), pg_str(of, row, KEY));
		i += order <= 0;
		j += order >= 0;
	}
	return err == ERR_OK ? flush(m, &b) : err;
}

enum err org_move_copy(struct org_move *m)
{
	PG_RESULT source = NULL;
	enum err err = list_units(m, m->from, &source);
	if (err == ERR_OK && m->has == NULL)
		err = list_units(m, m->to, &m->has);
	if (err == ERR_OK)
		err = walk(m, source, m->has, REMOVE);
	if (err == ERR_OK)
		err = walk(m, source, m->has, WRITE);
	PQclear(m->has);
	m->has = err == ERR_OK ? source : NULL;
	if (err == ERR_OK)
		source = NULL;
	return err;
}

/* ---- the digest ---- */

/* Each unit's hash with the digest of those before it. What expires in a moment may be gone at one
 * end already. */
static enum err digest_of(struct hasher *h, const PGresult *r, int64_t checks, uint8_t out[SHA256_LEN])
{
	uint8_t digest[SHA256_LEN] = {0};
	for (int i = 0; i < PQntuples(r); i++) {
		struct str parts[] = {str_from(digest, sizeof digest), pg_str(r, i, PART), STR(" "), pg_str(r, i, KEY), pg_str(r, i, HASH)};
		if (!pg_is_null(r, i, EXPIRES) && pg_time_us(r, i, EXPIRES) < checks)
			continue;
		enum err err = hasher_sha256(h, parts, sizeof parts / sizeof *parts, digest);
		if (err != ERR_OK)
			return err;
	}
	memcpy(out, digest, sizeof digest);
	return ERR_OK;
}

enum err org_move_verify(struct org_move *m)
{
	PG_RESULT target = NULL;
	uint8_t there[SHA256_LEN];
	enum err err = list_units(m, m->to, &target);
	if (err != ERR_OK)
		return err;
	struct hasher *h = hasher_new();
	err = h == NULL ? ERR_NO_MEMORY : digest_of(h, m->has, m->checks, m->digest);
	if (err == ERR_OK)
		err = digest_of(h, target, m->checks, there);
	hasher_free(h);
	if (err != ERR_OK)
		return operator_fail(m->from, err, "the copy can't be checked: %s", err_info(err)->text);
	if (memcmp(there, m->digest, sizeof there) != 0)
		return operator_fail(m->from, ERR_MISMATCH, "what the target has differs from what the source has");
	return ERR_OK;
}

/* ---- what has no unit ---- */

static enum err now_seen(struct org_move *m, struct str *ret)
{
	PG_RESULT r = NULL;
	enum err err = org_move_run(m, m->from, "select pg_current_snapshot()::text", NULL, NULL, &r);
	if (err == ERR_OK)
		*ret = operator_copy(m->from, r, 0, 0);
	return err;
}

enum err org_move_copy_used_once(struct org_move *m)
{
	PG_RESULT r = NULL;
	struct str seen = STR_NONE;
	struct pg_params p;
	enum err err = now_seen(m, &seen);
	pg_params_init(&p, m->from->a);
	pg_put_text(&p, m->used_seen);
	if (err == ERR_OK)
		err = org_move_run(m, m->from, sql_org_move_used_read, &p, NULL, &r);
	for (int i = 0; err == ERR_OK && i < PQntuples(r); i++) {
		pg_params_init(&p, m->from->a);
		pg_put_text(&p, pg_str(r, i, 0));
		err = org_move_run(m, m->to, sql_org_move_used_write, &p, NULL, NULL);
	}
	if (err == ERR_OK)
		m->used_seen = seen;
	return err;
}

/* The clients behind `*after`; absent: there were none. */
static enum err copy_some_uses(struct org_move *m, struct arena *a, struct str *after)
{
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, a);
	pg_put_uuid(&p, &m->organization_id);
	pg_put_text(&p, *after);
	pg_put_int8(&p, USES_AT_A_TIME);
	enum err err = org_move_run(m, m->from, sql_org_move_uses_read, &p, NULL, &r);
	if (err != ERR_OK)
		return err;
	*after = arena_copy(m->from->a, pg_str(r, 0, 0));
	pg_params_init(&p, a);
	pg_put_text(&p, pg_str(r, 0, 1));
	return org_move_run(m, m->to, sql_org_move_uses_write, &p, NULL, NULL);
}

enum err org_move_copy_uses(struct org_move *m)
{
	struct arena *a = arena_new(BATCH_MEMORY);
	struct str after = STR("");
	enum err err = a == NULL ? ERR_NO_MEMORY : ERR_OK;
	while (err == ERR_OK && after.p != NULL) {
		err = copy_some_uses(m, a, &after);
		arena_reset(a);
	}
	arena_free(a);
	return err;
}
