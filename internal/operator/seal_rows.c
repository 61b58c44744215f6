/* Rows by time: all rows of a batch have one issued_at, which their seal names too. So a slice
 * of time has whole batches, and nothing is kept from one slice to the next.
 *
 * Rows come in the bytes that were hashed (copy ... binary), in the order of the disk; what is
 * known of their batches is in a table of the slice's batches. */
#include <stdlib.h>

#include "base/clock.h"
#include "operator/seal_parts.h"
#include "sql/audit_row.h"
#include "sql/copy_tuple.h"

/* Slices are as long as gives about so many rows. */
#define ROWS_LOW     100000
#define ROWS_HIGH    1000000
#define SLICE_US     INT64_C(60000000)
#define SLICE_MAX_US (6 * INT64_C(3600000000))

#define SQL_SET_SPAN                                                                                                                       \
	"select set_config('m2m.span_from', $1::timestamptz::text, true), set_config('m2m.span_until', $2::timestamptz::text, true)"

/* $1 from, $2 until. Batches that are sealed, then those that only the seal they came with
 * knows. A seal is written after its rows, but clocks may be set back. */
#define SQL_BATCHES                                                                                                                        \
	"select s.sealed_batch_id, s.root, octet_length(s.tags) / 8, coalesce(s.version, 1) from m2m.audit_seal s"                         \
	" where s.at >= $1::timestamptz - " SQL_CLOCK_SET_BACK " and s.previous_at >= $1::timestamptz and s.previous_at < $2::timestamptz" \
	"  and s.sealed_batch_id is not null"                                                                                              \
	" union all select s.batch_id, null, 0, 0 from m2m.audit_seal s"                                                                   \
	" where s.at >= $1::timestamptz and s.at < $2::timestamptz and s.batch_id is not null"

/* $1 batch, $2 from */
#define SQL_TAGS                                                                                                                           \
	"select s.tags, s.previous_at from m2m.audit_seal s where s.sealed_batch_id = $1::uuid"                                            \
	" and s.at >= $2::timestamptz - " SQL_CLOCK_SET_BACK " and s.previous_at >= $2::timestamptz limit 1"

struct batch {
	struct uuid id; /* nil: an empty place */
	bool sealed;
	bool done;   /* the rows are as sealed */
	int version; /* of the seal */
	uint8_t root[SHA256_LEN];
	size_t rows; /* sealed */
	/* and tags, where they are known; else they are asked for when they are needed */
	int64_t issued_at;
	struct str tags;
	struct audit_leaf *leaves;
	size_t n, cap;
};

struct seal_batches {
	struct seal_checking *c;
	int64_t from; /* the batches' time is not before it, where tags are still to be asked for */
	uint64_t rows;
	struct batch *batches;
	size_t places; /* a power of two */
};

/* ---- rows from the database ---- */

static bool is_trailer(struct str message)
{
	return message.n == 2 && message.p[0] == '\377' && message.p[1] == '\377';
}

static enum err read_copy(struct operator_db *db, seal_row *told, void *arg)
{
	enum err err = ERR_OK;
	char *p;
	bool first = true;
	for (int n; (n = PQgetCopyData(db->conn, &p, 0)) != -1; PQfreemem(p), first = false) {
		if (n < 0)
			return operator_fail_with_libpq(db, ERR_STORE_UNAVAILABLE,
							"reading the audit's rows failed: ", PQerrorMessage(db->conn));
		struct str message = str_from(p, (size_t)n);
		if (err == ERR_OK && first)
			err = copy_skip_header(&message);
		if (err == ERR_OK && message.n > 0 && !is_trailer(message))
			err = told(arg, message);
	}
	return err;
}

enum err seal_set_span(struct operator_db *db, int64_t from, int64_t until)
{
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_time(&p, from);
	pg_put_time(&p, until);
	return operator_do(db, SQL_SET_SPAN, &p);
}

enum err seal_each_row(struct operator_db *db, int64_t from, int64_t until, seal_row *told, void *arg)
{
	enum err err = seal_set_span(db, from, until);
	if (err != ERR_OK)
		return err;
	PG_RESULT begun = PQexec(db->conn, SQL_SPAN_ROWS);
	if (PQresultStatus(begun) != PGRES_COPY_OUT)
		return operator_fail(db, ERR_INTERNAL, "the audit's rows can't be read: %s", PQresultErrorMessage(begun));
	err = read_copy(db, told, arg);
	for (PGresult *end; (end = PQgetResult(db->conn)) != NULL; PQclear(end))
		if (PQresultStatus(end) == PGRES_FATAL_ERROR)
			err = operator_fail(db, ERR_STORE_UNAVAILABLE, "reading the audit's rows failed: %s", PQresultErrorMessage(end));
	return err == ERR_MALFORMED ? operator_fail(db, err, "the audit's rows aren't in a form that this program knows") : err;
}

/* ---- the table of batches ---- */

/* The last bytes of a UUIDv7 are random; the place of another kind is as good. */
static struct batch *place_of(const struct seal_batches *s, struct uuid id)
{
	uint64_t at;
	memcpy(&at, id.b + 8, sizeof at);
	for (;; at++) {
		struct batch *b = &s->batches[at & (s->places - 1)];
		if (uuid_is_nil(b->id) || memcmp(&b->id, &id, sizeof id) == 0)
			return b;
	}
}

enum err seal_batches_new(struct seal_checking *c, size_t n, struct seal_batches **ret)
{
	struct seal_batches *b = calloc(1, sizeof *b);
	if (b == NULL)
		return ERR_NO_MEMORY;
	b->c = c;
	for (b->places = 16; b->places < 2 * n; b->places *= 2)
		;
	b->batches = calloc(b->places, sizeof *b->batches);
	if (b->batches == NULL) {
		free(b);
		return ERR_NO_MEMORY;
	}
	*ret = b;
	return ERR_OK;
}

void seal_batches_free(struct seal_batches *b)
{
	if (b == NULL)
		return;
	for (size_t i = 0; i < b->places; i++)
		free(b->batches[i].leaves);
	free(b->batches);
	free(b);
}

static struct batch *put_batch(struct seal_batches *s, struct uuid id)
{
	struct batch *b = place_of(s, id);
	b->id = id;
	return b;
}

static void put_sealed(struct batch *b, int version, struct str root, size_t rows)
{
	if (b->sealed)
		return; /* twice, after a statement whose outcome wasn't learned */
	b->sealed = true;
	b->version = version;
	b->rows = rows;
	memcpy(b->root, root.p, SHA256_LEN);
}

void seal_batches_put(struct seal_batches *s, const struct stored_seal *seal)
{
	const struct audit_seal *a = &seal->seal;
	if (!uuid_is_nil(a->batch_id))
		(void)put_batch(s, a->batch_id);
	if (uuid_is_nil(a->sealed_batch))
		return;
	struct batch *b = put_batch(s, a->sealed_batch);
	put_sealed(b, a->version, str_from(a->root, sizeof a->root), a->tags.n / AUDIT_TAG_LEN);
	b->tags = a->tags;
	b->issued_at = a->previous_at;
}

static enum err read_batches(struct seal_checking *c, int64_t from, int64_t until, struct seal_batches **ret)
{
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, c->db->a);
	pg_put_time(&p, from);
	pg_put_time(&p, until);
	enum err err = operator_exec(c->db, SQL_BATCHES, &p, &r);
	if (err == ERR_OK)
		err = seal_batches_new(c, (size_t)PQntuples(r), ret);
	if (err != ERR_OK)
		return err;
	(*ret)->from = from;
	for (int i = 0; i < PQntuples(r); i++) {
		struct str root = pg_str(r, i, 1);
		struct batch *b = put_batch(*ret, pg_uuid(r, i, 0));
		if (root.n == SHA256_LEN)
			put_sealed(b, pg_int4(r, i, 3), root, (size_t)pg_int4(r, i, 2));
	}
	return ERR_OK;
}

/* ---- rows against their batches ---- */

static enum err keep(struct batch *b, struct uuid jti, struct hasher *hasher, struct str tuple)
{
	if (b->n == b->cap) {
		size_t cap = b->cap == 0 ? b->rows + 1 : 2 * b->cap;
		struct audit_leaf *bigger = realloc(b->leaves, cap * sizeof *bigger);
		if (bigger == NULL)
			return ERR_NO_MEMORY;
		b->leaves = bigger;
		b->cap = cap;
	}
	struct str sealed[2];
	audit_row_sealed(tuple, b->version, sealed);
	return audit_leaf_join(hasher, jti, sealed, &b->leaves[b->n++]);
}

/* All there: what is as sealed needn't be kept. The leaves are hashed in a copy, since they tell
 * what differs if they don't fit. */
static enum err compare_root(struct seal_batches *s, struct batch *b)
{
	uint8_t root[SHA256_LEN];
	struct audit_leaf *copy = malloc((b->n + 1) * sizeof *copy);
	if (copy == NULL)
		return ERR_NO_MEMORY;
	audit_leaves_sort(b->leaves, b->n);
	if (b->n > 0)
		memcpy(copy, b->leaves, b->n * sizeof *copy);
	enum err err = audit_root(s->c->hasher, copy, b->n, root);
	free(copy);
	if (err != ERR_OK || memcmp(root, b->root, sizeof root) != 0)
		return err;
	b->done = true;
	free(b->leaves);
	b->leaves = NULL;
	return ERR_OK;
}

static void name_row(struct seal_checking *c, enum seal_fault fault, struct uuid jti, struct uuid batch_id, int64_t issued_at)
{
	seal_fault_found(c, fault, "token %s of batch %s, issued %s", uuid_name(jti).text, uuid_name(batch_id).text,
			 time_name(issued_at).text);
}

enum err seal_batches_row(void *batches, struct str tuple)
{
	struct seal_batches *s = batches;
	struct seal_checking *c = s->c;
	struct uuid jti, batch_id;
	int64_t issued_at;
	enum err err = audit_row_read(tuple, &issued_at, &jti, &batch_id);
	if (err != ERR_OK)
		return err;
	s->rows++;
	if ((++c->found->rows & 0x3ffff) == 0)
		c->spec->progress(c->spec->arg, c->found->rows);
	struct batch *b = place_of(s, batch_id);
	if (uuid_is_nil(b->id) || b->done) {
		if (issued_at < c->since)
			c->found->before++;
		else
			name_row(c, ROW_ADDED, jti, batch_id, issued_at);
		return ERR_OK;
	}
	if (!b->sealed) {
		c->found->unsealed++;
		return ERR_OK;
	}
	err = keep(b, jti, c->hasher, tuple);
	return err == ERR_OK && b->n == b->rows ? compare_root(s, b) : err;
}

/* ---- naming what differs ---- */

static bool take_tag(const uint8_t *tags, size_t n, bool *used, const uint8_t *what, size_t length, size_t at)
{
	for (size_t i = 0; i < n; i++) {
		if (used[i] || memcmp(tags + i * AUDIT_TAG_LEN + at, what, length) != 0)
			continue;
		used[i] = true;
		return true;
	}
	return false;
}

/* Rows whose tag is among the sealed ones are as they were; of the others, the jti tells whether
 * one was changed or came from elsewhere; tags without a row were removed. */
static void name_differences(struct seal_checking *c, const struct batch *b, const uint8_t *tags, size_t n, bool *used, bool *known,
			     int64_t issued_at)
{
	uint64_t before = c->found->faults[ROW_CHANGED] + c->found->faults[ROW_ADDED] + c->found->faults[ROW_REMOVED];
	for (size_t i = 0; i < b->n; i++) {
		uint8_t tag[AUDIT_TAG_LEN];
		audit_leaves_tag(&b->leaves[i], 1, tag);
		known[i] = take_tag(tags, n, used, tag, sizeof tag, 0);
	}
	for (size_t i = 0; i < b->n; i++) {
		const struct uuid jti = b->leaves[i].jti;
		if (!known[i])
			name_row(c, take_tag(tags, n, used, jti.b + 12, 4, 0) ? ROW_CHANGED : ROW_ADDED, jti, b->id, issued_at);
	}
	for (size_t i = 0; i < n; i++) {
		const uint8_t *tag = tags + i * AUDIT_TAG_LEN;
		if (!used[i])
			seal_fault_found(c, ROW_REMOVED, "the token whose jti ends with %02x%02x%02x%02x, of batch %s, issued %s", tag[0],
					 tag[1], tag[2], tag[3], uuid_name(b->id).text, time_name(issued_at).text);
	}
	if (before == c->found->faults[ROW_CHANGED] + c->found->faults[ROW_ADDED] + c->found->faults[ROW_REMOVED])
		seal_fault_found(c, ROW_CHANGED, "some token of batch %s, issued %s", uuid_name(b->id).text, time_name(issued_at).text);
}

static enum err explain_with(struct seal_batches *s, const struct batch *b, struct str tags, int64_t issued_at)
{
	size_t n = tags.n / AUDIT_TAG_LEN;
	bool *used = calloc(n + b->n + 1, sizeof *used);
	if (used == NULL)
		return ERR_NO_MEMORY;
	name_differences(s->c, b, (const uint8_t *)tags.p, n, used, used + n, issued_at);
	free(used);
	return ERR_OK;
}

static enum err explain(struct seal_batches *s, const struct batch *b)
{
	PG_RESULT r = NULL;
	struct pg_params p;
	if (b->tags.p != NULL)
		return explain_with(s, b, b->tags, b->issued_at);
	pg_params_init(&p, s->c->db->a);
	pg_put_uuid(&p, &b->id);
	pg_put_time(&p, s->from);
	enum err err = operator_exec(s->c->db, SQL_TAGS, &p, &r);
	if (err != ERR_OK || PQntuples(r) == 0)
		return err;
	return explain_with(s, b, pg_str(r, 0, 0), pg_time_us(r, 0, 1));
}

enum err seal_batches_end(struct seal_batches *s)
{
	enum err err = ERR_OK;
	for (size_t i = 0; err == ERR_OK && i < s->places; i++) {
		struct batch *b = &s->batches[i];
		if (b->sealed && !b->done && b->rows == 0 && b->n == 0)
			err = compare_root(s, b);
		if (err == ERR_OK && b->sealed && !b->done)
			err = explain(s, b);
	}
	return err;
}

static enum err check_slice(struct seal_checking *c, int64_t from, int64_t until, uint64_t *ret_rows)
{
	struct seal_batches *batches = NULL;
	enum err err = read_batches(c, from, until, &batches);
	if (err == ERR_OK)
		err = seal_each_row(c->db, from, until, seal_batches_row, batches);
	if (err == ERR_OK)
		err = seal_batches_end(batches);
	*ret_rows = batches == NULL ? 0 : batches->rows;
	seal_batches_free(batches);
	return err == ERR_NO_MEMORY ? operator_fail(c->db, err, "there is no memory left") : err;
}

/* The last slice has no end: rows from the future, if there are any, are in it. */
#define END_OF_TIME INT64_C(4102444800000000) /* 2100 */

static int64_t next_length(int64_t length, uint64_t rows)
{
	if (rows < ROWS_LOW && length < SLICE_MAX_US)
		return 2 * length;
	if (rows > ROWS_HIGH && length > SLICE_US / 64)
		return length / 2;
	return length;
}

enum err seal_check_rows(struct seal_checking *c)
{
	int64_t now = clock_wall_us();
	int64_t length = SLICE_US;
	for (int64_t from = c->from; from < END_OF_TIME;) {
		uint64_t rows = 0;
		int64_t until = from + length < now ? from + length : END_OF_TIME;
		enum err err = check_slice(c, from, until, &rows);
		if (err != ERR_OK)
			return err;
		from = until;
		length = next_length(length, rows);
	}
	return ERR_OK;
}
