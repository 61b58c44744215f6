#include "sql/audit_writer.h"

#include <stdlib.h>

#include "base/clock.h"

_Static_assert(AUDIT_SEAL_VERSION == 2, "as the part audit_seal of parts.sql says");

#define TUPLE_MAX 16384 /* what the transports let into one row is half of it */

struct audit_writer {
	struct signing_key *key;
	struct hasher *hasher;
	char *tuple; /* one row's bytes */

	/* what is stored for sure */
	struct uuid id;
	uint64_t seq;             /* 0: nothing of this writer */
	uint8_t hash[SHA256_LEN]; /* zeros: nothing of any before it */
	int64_t at;

	/* the rows that no stored seal has sealed; nil: there are none */
	struct uuid unsealed;
	struct audit_leaf *leaves;
	size_t n, cap;
	bool incomplete; /* one of them couldn't be hashed */
	bool rooted;     /* the leaves are used up for `root` and `tags` */
	uint8_t root[SHA256_LEN];
	uint8_t *tags;

	/* the seal to come */
	bool prepared;
	enum audit_seal_kind kind;
	struct audit_seal seal;
	uint8_t seal_hash[SHA256_LEN];
	uint8_t signature[AUDIT_SIGNATURE_LEN];
};

static void begin(struct audit_writer *w)
{
	w->id = uuid_v7(clock_wall_us());
	w->seq = 0;
	w->prepared = false;
}

enum err audit_writer_new(const struct master_key *master, size_t rows_max, struct audit_writer **ret)
{
	struct audit_writer *w = calloc(1, sizeof *w);
	if (w == NULL)
		return ERR_NO_MEMORY;
	w->cap = rows_max;
	w->hasher = hasher_new();
	w->tuple = malloc(TUPLE_MAX);
	w->leaves = calloc(rows_max, sizeof *w->leaves);
	w->tags = calloc(rows_max, AUDIT_TAG_LEN);
	enum err err = w->hasher == NULL || w->tuple == NULL || w->leaves == NULL || w->tags == NULL ? ERR_NO_MEMORY
												     : audit_key_derive(master, &w->key);
	if (err != ERR_OK) {
		audit_writer_free(w);
		return err;
	}
	begin(w);
	*ret = w;
	return ERR_OK;
}

void audit_writer_free(struct audit_writer *w)
{
	if (w == NULL)
		return;
	signing_key_free(w->key);
	hasher_free(w->hasher);
	free(w->tuple);
	free(w->leaves);
	free(w->tags);
	free(w);
}

/* ---- what was written ---- */

void audit_writer_batch_begin(struct audit_writer *w, struct uuid batch_id, int64_t issued_at)
{
	w->unsealed = batch_id;
	w->at = issued_at;
	w->n = 0;
	w->incomplete = w->rooted = w->prepared = false;
}

void audit_writer_stored(struct audit_writer *w, int64_t at)
{
	memcpy(w->hash, w->seal_hash, sizeof w->hash);
	w->seq = w->seal.seq;
	audit_writer_batch_begin(w, w->seal.batch_id, at);
	if (w->kind == SEAL_LAST)
		begin(w);
}

void audit_writer_lost(struct audit_writer *w)
{
	begin(w);
}

void audit_writer_row(struct audit_writer *w, const struct audit_row *row)
{
	struct sbuf tuple = sbuf_fixed(w->tuple, TUPLE_MAX);
	w->incomplete = w->incomplete || w->n == w->cap || !audit_row_write(row, &tuple) ||
			audit_leaf_make(w->hasher, row->jti, sbuf_str(&tuple), &w->leaves[w->n]) != ERR_OK;
	w->n++;
}

bool audit_writer_behind(const struct audit_writer *w)
{
	return !uuid_is_nil(w->unsealed);
}

bool audit_writer_began(const struct audit_writer *w)
{
	return w->seq > 0;
}

/* ---- the seal ---- */

static enum err make_root(struct audit_writer *w)
{
	if (w->rooted)
		return ERR_OK;
	audit_leaves_sort(w->leaves, w->n);
	audit_leaves_tag(w->leaves, w->n, w->tags);
	w->rooted = true; /* whatever comes of it, the leaves are used up */
	enum err err = audit_root(w->hasher, w->leaves, w->n, w->root);
	w->incomplete = err != ERR_OK;
	return err;
}

enum err audit_writer_prepare(struct audit_writer *w, enum audit_seal_kind kind)
{
	if (w->prepared && w->kind == kind)
		return ERR_OK;
	bool seals = audit_writer_behind(w) && !w->incomplete && make_root(w) == ERR_OK;
	w->prepared = false;
	w->kind = kind;
	w->seal = (struct audit_seal){
		.version = AUDIT_SEAL_VERSION, .writer = w->id, .seq = w->seq + 1, .previous_at = w->at, .last = kind == SEAL_LAST};
	memcpy(w->seal.previous, w->hash, sizeof w->hash);
	if (kind == SEAL_WITH_BATCH)
		w->seal.batch_id = uuid_v7(clock_wall_us());
	if (seals) {
		w->seal.sealed_batch = w->unsealed;
		memcpy(w->seal.root, w->root, sizeof w->root);
		w->seal.tags = str_from(w->tags, w->n * AUDIT_TAG_LEN);
	} else {
		w->seal.tags = STR("");
	}
	enum err err = audit_seal_hash(w->hasher, &w->seal, w->seal_hash);
	if (err == ERR_OK)
		err = audit_seal_sign(w->key, w->seal_hash, w->signature);
	w->prepared = err == ERR_OK;
	return err;
}

struct uuid audit_writer_batch(const struct audit_writer *w)
{
	return w->seal.batch_id;
}

static const struct uuid *or_null(const struct uuid *u)
{
	return uuid_is_nil(*u) ? NULL : u;
}

void audit_writer_put(const struct audit_writer *w, struct pg_params *p)
{
	const struct audit_seal *s = &w->seal;
	pg_put_uuid(p, &s->writer);
	pg_put_int8(p, (int64_t)s->seq);
	pg_put_bytea(p, str_from(s->previous, sizeof s->previous));
	pg_put_time(p, s->previous_at);
	pg_put_uuid(p, or_null(&s->batch_id));
	pg_put_uuid(p, or_null(&s->sealed_batch));
	pg_put_bytea(p, str_from(s->root, sizeof s->root));
	pg_put_bytea(p, s->tags);
	pg_put_bool(p, s->last);
	pg_put_text(p, signing_key_kid(w->key));
	pg_put_bytea(p, str_from(w->signature, sizeof w->signature));
}

void audit_writer_put_key(const struct audit_writer *w, struct arena *a, struct pg_params *p)
{
	struct sbuf jwk = sbuf_in(a, 512);
	pg_put_text(p, signing_key_kid(w->key));
	pg_put_text(p, signing_key_public_jwk(w->key, &jwk) == ERR_OK ? sbuf_str(&jwk) : STR_NONE);
}
