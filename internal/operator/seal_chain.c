/* Seals by writer and number: each must carry the hash of the one before. So the signature of
 * the last one vouches for all before it, and only where something doesn't fit are the others
 * looked at one by one. */
#include <stdlib.h>

#include "operator/seal_parts.h"

/* $1 from. A cursor, since there may be as many seals as there were quiet moments. */
#define SQL_CHAINS                                                                                                                         \
	"declare seals no scroll cursor for select " SEAL_COLUMNS                                                                          \
	" from m2m.audit_seal s where s.at >= $1::timestamptz order by s.writer, s.seq, s.at"
#define SQL_NEXT_CHAINS "fetch 2000 from seals"

/* $1 from, $2 writer */
#define SQL_ONE_CHAIN                                                                                                                      \
	"select " SEAL_COLUMNS " from m2m.audit_seal s where s.at >= $1::timestamptz and s.writer = $2::uuid order by s.seq, s.at"

struct hash {
	uint8_t b[SHA256_LEN];
};

/* A writer that says it goes on where another one ended. */
struct continuation {
	struct uuid writer;
	struct hash from;
};

struct chains {
	struct seal_checking *c;
	bool any;
	/* the seal before: what outlives its result */
	struct audit_seal seal;
	int64_t at;
	struct hash hash, hash_before;
	char kid[KID_LEN + 1];
	uint8_t signature[AUDIT_SIGNATURE_LEN];
	bool named; /* as changed, already */

	struct hash *ends; /* the last two of each writer */
	size_t ends_n, ends_cap;
	struct continuation *continued;
	size_t continued_n, continued_cap;
	int64_t earliest; /* seal */
	/* in the order of writer and seq; those before `head` are dealt with */
	const struct seal_head **heads;
	size_t head;
};

static bool grow(void **p, size_t *cap, size_t n, size_t size)
{
	if (n < *cap)
		return true;
	size_t more = *cap == 0 ? 64 : 2 * *cap;
	void *bigger = realloc(*p, more * size);
	if (bigger == NULL)
		return false;
	*p = bigger;
	*cap = more;
	return true;
}

bool seal_signature_fits(struct seal_checking *c, struct str kid, const uint8_t hash[SHA256_LEN], struct str signature)
{
	for (size_t i = 0; i < c->keys.n; i++) {
		if (!str_eq(kid, str_of(c->keys.of[i].kid)))
			continue;
		if (!c->keys.of[i].vouched && c->found->vouched) {
			c->keys.of[i].vouched = true;
			seal_fault_found(c, SEAL_UNVOUCHED, "key %.*s: not derived from M2M_MASTER_KEYS and not among the heads' keys",
					 STR_ARG(kid));
		}
		return audit_seal_verify(c->keys.of[i].key, hash, signature) == ERR_OK;
	}
	return false;
}

void seal_name_changed(struct seal_checking *c, const struct audit_seal *seal, int64_t at, const char *how)
{
	seal_fault_found(c, SEAL_CHANGED, "seal %llu of writer %s, written %s: %s", (unsigned long long)seal->seq,
			 uuid_name(seal->writer).text, time_name(at).text, how);
}

static bool before_fits(struct chains *t)
{
	return seal_signature_fits(t->c, str_of(t->kid), t->hash.b, str_from(t->signature, sizeof t->signature));
}

static void check_before(struct chains *t)
{
	if (!t->named && !before_fits(t))
		seal_name_changed(t->c, &t->seal, t->at, "its signature doesn't fit");
	t->named = true;
}

/* All of one writer's, when its last signature doesn't fit although they follow one another:
 * each by itself. */
static enum err name_each(struct seal_checking *c, struct uuid writer)
{
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, c->db->a);
	pg_put_time(&p, c->seals_from);
	pg_put_uuid(&p, &writer);
	enum err err = operator_exec(c->db, SQL_ONE_CHAIN, &p, &r);
	for (int i = 0; err == ERR_OK && i < PQntuples(r); i++) {
		uint8_t hash[SHA256_LEN];
		struct stored_seal s = read_seal(r, i);
		err = audit_seal_hash(c->hasher, &s.seal, hash);
		if (err == ERR_OK && !seal_signature_fits(c, s.kid, hash, s.signature))
			seal_name_changed(c, &s.seal, s.at, "its signature doesn't fit");
	}
	return err;
}

static enum err writer_ends(struct chains *t)
{
	if (!t->any)
		return ERR_OK;
	t->c->found->writers++;
	if (!grow((void **)&t->ends, &t->ends_cap, t->ends_n + 1, sizeof *t->ends))
		return ERR_NO_MEMORY;
	t->ends[t->ends_n++] = t->hash_before;
	t->ends[t->ends_n++] = t->hash;
	return t->named || before_fits(t) ? ERR_OK : name_each(t->c, t->seal.writer);
}

static enum err writer_begins(struct chains *t, const struct stored_seal *s, const struct hash *hash, bool *ret_named)
{
	static const uint8_t none[SHA256_LEN];
	struct seal_checking *c = t->c;
	*ret_named = !seal_signature_fits(c, s->kid, hash->b, s->signature);
	if (*ret_named)
		seal_name_changed(c, &s->seal, s->at, "its signature doesn't fit");
	bool earlier_is_kept = s->seal.previous_at >= c->seals_from && s->seal.previous_at >= c->kept;
	if (s->seal.seq > 1 && earlier_is_kept)
		seal_fault_found(c, SEAL_MISSING, "seals up to %llu of writer %s, the last of them written %s",
				 (unsigned long long)s->seal.seq - 1, uuid_name(s->seal.writer).text, time_name(s->seal.previous_at).text);
	if (s->seal.seq > 1 || !earlier_is_kept || memcmp(s->seal.previous, none, sizeof none) == 0)
		return ERR_OK;
	if (!grow((void **)&t->continued, &t->continued_cap, t->continued_n, sizeof *t->continued))
		return ERR_NO_MEMORY;
	t->continued[t->continued_n].writer = s->seal.writer;
	memcpy(t->continued[t->continued_n++].from.b, s->seal.previous, SHA256_LEN);
	return ERR_OK;
}

static void check_link(struct chains *t, const struct stored_seal *s, const struct hash *hash, bool *ret_named)
{
	struct seal_checking *c = t->c;
	if (s->seal.seq > t->seal.seq + 1) {
		seal_fault_found(c, SEAL_MISSING, "seals %llu to %llu of writer %s, between %s and %s", (unsigned long long)t->seal.seq + 1,
				 (unsigned long long)s->seal.seq - 1, uuid_name(s->seal.writer).text, time_name(t->at).text,
				 time_name(s->at).text);
		check_before(t);
		*ret_named = !seal_signature_fits(c, s->kid, hash->b, s->signature);
		if (*ret_named)
			seal_name_changed(c, &s->seal, s->at, "its signature doesn't fit");
		return;
	}
	if (s->seal.seq == t->seal.seq + 1 && memcmp(s->seal.previous, t->hash.b, sizeof t->hash.b) == 0) {
		if (s->seal.previous_at != t->at && !t->named) {
			seal_name_changed(c, &t->seal, t->at, "it was written at another time, the next one says");
			t->named = true;
		}
		return;
	}
	bool before_was_named = t->named || !before_fits(t);
	check_before(t);
	*ret_named = !seal_signature_fits(c, s->kid, hash->b, s->signature);
	if (*ret_named)
		seal_name_changed(c, &s->seal, s->at, "its signature doesn't fit");
	else if (!before_was_named) {
		seal_name_changed(c, &s->seal, s->at, "it doesn't follow the one before it");
		*ret_named = true;
	}
}

/* What was exported is there, unless its week was dropped since, or it is older than what is
 * checked. */
static void head_is_missing(struct chains *t, const struct seal_head *head)
{
	if (head->at >= t->c->from)
		seal_fault_found(t->c, SEAL_MISSING, "seal %llu of writer %s, written %s, which the exported head is",
				 (unsigned long long)head->seq, uuid_name(head->writer).text, time_name(head->at).text);
}

static int compare_heads(const void *a, const void *b)
{
	const struct seal_head *one = *(const struct seal_head *const *)a;
	const struct seal_head *other = *(const struct seal_head *const *)b;
	int order = memcmp(&one->writer, &other->writer, sizeof one->writer);
	return order != 0 ? order : (one->seq > other->seq) - (one->seq < other->seq);
}

/* Seals come in the heads' order, so each head is looked at once. */
static void check_heads(struct chains *t, const struct stored_seal *s, const struct hash *hash)
{
	const struct seal_head here = {.writer = s->seal.writer, .seq = s->seal.seq};
	const struct seal_head *key = &here;
	for (; t->head < t->c->spec->heads_n; t->head++) {
		const struct seal_head *head = t->heads[t->head];
		int order = compare_heads(&head, &key);
		if (order > 0)
			return;
		if (order < 0)
			head_is_missing(t, head);
		else if (memcmp(head->hash, hash->b, sizeof hash->b) != 0)
			seal_name_changed(t->c, &s->seal, s->at, "it differs from the head that was exported");
	}
}

static enum err take(struct chains *t, const struct stored_seal *s)
{
	bool same = t->any && memcmp(&t->seal.writer, &s->seal.writer, sizeof s->seal.writer) == 0;
	struct hash hash;
	bool named = false;
	enum err err = audit_seal_hash(t->c->hasher, &s->seal, hash.b);
	if (err == ERR_OK && same)
		check_link(t, s, &hash, &named);
	else if (err == ERR_OK)
		err = writer_ends(t);
	if (err == ERR_OK && !same)
		err = writer_begins(t, s, &hash, &named);
	if (err != ERR_OK)
		return err;
	check_heads(t, s, &hash);
	t->c->found->seals++;
	t->earliest = s->at < t->earliest ? s->at : t->earliest;
	t->hash_before = same ? t->hash : hash;
	t->hash = hash;
	t->any = true;
	t->named = named;
	t->seal = s->seal;
	t->seal.tags = STR_NONE;
	t->at = s->at;
	memset(t->kid, 0, sizeof t->kid);
	memcpy(t->kid, s->kid.p, s->kid.n < KID_LEN ? s->kid.n : KID_LEN);
	memset(t->signature, 0, sizeof t->signature);
	memcpy(t->signature, s->signature.p, s->signature.n < sizeof t->signature ? s->signature.n : sizeof t->signature);
	return ERR_OK;
}

static int compare_hashes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct hash));
}

static void check_continuations(struct chains *t)
{
	if (t->ends_n > 0)
		qsort(t->ends, t->ends_n, sizeof *t->ends, compare_hashes);
	for (size_t i = 0; i < t->continued_n; i++)
		if (t->ends_n == 0 || bsearch(&t->continued[i].from, t->ends, t->ends_n, sizeof *t->ends, compare_hashes) == NULL)
			seal_fault_found(t->c, SEAL_MISSING, "the writer that %s goes on for: its last seal",
					 uuid_name(t->continued[i].writer).text);
}

static enum err check_heads_themselves(struct seal_checking *c)
{
	for (size_t i = 0; i < c->spec->heads_n; i++) {
		const struct seal_head *head = &c->spec->heads[i];
		if (!seal_signature_fits(c, head->kid, head->hash, head->signature))
			return operator_fail(c->db, ERR_MISMATCH, "the exported head of writer %s isn't what its signature says",
					     uuid_name(head->writer).text);
	}
	return ERR_OK;
}

#define CLOCK_SLACK_US INT64_C(60000000) /* of a clock that was set back */

/* Rows from before there were seals are no fault, so that the time since when there are must not
 * be one that somebody moved. */
static void check_since(struct chains *t)
{
	struct seal_checking *c = t->c;
	if (t->earliest < c->since - CLOCK_SLACK_US)
		seal_fault_found(c, SEAL_CHANGED, "m2m.audit_seal_since says %s, and there is a seal of %s", time_name(c->since).text,
				 time_name(t->earliest).text);
	if (t->earliest < c->since)
		c->since = t->earliest;
}

static enum err read_chains(struct chains *t)
{
	struct operator_db *db = t->c->db;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_time(&p, t->c->seals_from);
	enum err err = operator_do(db, SQL_CHAINS, &p);
	for (int n = 1; err == ERR_OK && n > 0;) {
		PG_RESULT r = NULL;
		err = operator_exec(db, SQL_NEXT_CHAINS, NULL, &r);
		n = err == ERR_OK ? PQntuples(r) : 0;
		for (int i = 0; err == ERR_OK && i < n; i++) {
			struct stored_seal s = read_seal(r, i);
			err = take(t, &s);
		}
	}
	if (err == ERR_OK)
		err = operator_do(db, "close seals", NULL);
	return err == ERR_OK ? writer_ends(t) : err;
}

enum err seal_check_chains(struct seal_checking *c)
{
	struct chains t = {.c = c, .earliest = INT64_MAX, .heads = arena_alloc(c->db->a, (c->spec->heads_n + 1) * sizeof(void *))};
	if (t.heads == NULL)
		return operator_fail(c->db, ERR_NO_MEMORY, "there is no memory left");
	for (size_t i = 0; i < c->spec->heads_n; i++)
		t.heads[i] = &c->spec->heads[i];
	if (c->spec->heads_n > 0)
		qsort(t.heads, c->spec->heads_n, sizeof(void *), compare_heads);
	enum err err = check_heads_themselves(c);
	if (err == ERR_OK)
		err = read_chains(&t);
	if (err == ERR_OK) {
		check_continuations(&t);
		check_since(&t);
	}
	for (; err == ERR_OK && t.head < c->spec->heads_n; t.head++)
		head_is_missing(&t, t.heads[t.head]);
	if (err == ERR_NO_MEMORY)
		err = operator_fail(c->db, err, "there is no memory left");
	free(t.ends);
	free(t.continued);
	return err;
}
