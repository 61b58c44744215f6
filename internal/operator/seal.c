/* The snapshot, the keys, and the order of the checks: first the seals among themselves, then
 * the rows against them. */
#include "operator/seal.h"

#include "operator/operator_sql.h"
#include "operator/seal_parts.h"
#include "sql/audit_row.h"

/* ---- keys ---- */

static enum err add_key(struct seal_keys *keys, struct signing_key *key, bool vouched)
{
	struct str kid = signing_key_kid(key);
	for (size_t i = 0; i < keys->n; i++) {
		if (!str_eq(kid, str_of(keys->of[i].kid)))
			continue;
		keys->of[i].vouched = keys->of[i].vouched || vouched;
		signing_key_free(key);
		return ERR_OK;
	}
	if (keys->n == SEAL_KEYS_MAX) {
		signing_key_free(key);
		return ERR_TOO_LARGE;
	}
	memcpy(keys->of[keys->n].kid, kid.p, kid.n);
	keys->of[keys->n].key = key;
	keys->of[keys->n++].vouched = vouched;
	return ERR_OK;
}

/* A key of the database's that doesn't parse is left out: what it signed is then unvouched. */
static enum err add_public(struct seal_keys *keys, struct str jwk, bool vouched)
{
	struct signing_key *key = NULL;
	if (jwk.p == NULL || signing_key_from_jwk(JWT_ES256, jwk, &key) != ERR_OK)
		return ERR_OK;
	return add_key(keys, key, vouched);
}

static enum err add_database_keys(struct seal_checking *c)
{
	PG_RESULT r = NULL;
	enum err err = operator_exec(c->db, "select public_jwk from m2m.audit_key order by kid", NULL, &r);
	for (int i = 0; err == ERR_OK && i < PQntuples(r); i++)
		err = add_public(&c->keys, pg_str(r, i, 0), false);
	return err;
}

enum err seal_checking_begin(struct seal_checking *c, bool database)
{
	c->hasher = hasher_new();
	if (c->hasher == NULL)
		return operator_fail(c->db, ERR_NO_MEMORY, "there is no memory left");
	enum err err = database ? add_database_keys(c) : ERR_OK;
	for (unsigned i = 0; err == ERR_OK && i < c->spec->ring->n; i++) {
		struct signing_key *key = NULL;
		err = audit_key_derive(&c->spec->ring->keys[i], &key);
		if (err == ERR_OK)
			err = add_key(&c->keys, key, true);
	}
	for (size_t i = 0; err == ERR_OK && i < c->spec->heads_n; i++)
		err = add_public(&c->keys, c->spec->heads[i].public_jwk, true);
	c->found->vouched = c->spec->ring->n > 0 || c->spec->heads_n > 0;
	if (err == ERR_TOO_LARGE)
		return operator_fail(c->db, err, "there are more than %d keys that seals are signed with", SEAL_KEYS_MAX);
	return err;
}

void seal_checking_end(struct seal_checking *c)
{
	hasher_free(c->hasher);
	for (size_t i = 0; i < c->keys.n; i++)
		signing_key_free(c->keys.of[i].key);
}

/* ---- the check ---- */

static enum err check(struct operator_db *db, void *arg)
{
	struct seal_checking *c = arg;
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_int4(&p, c->spec->days);
	enum err err = operator_exec(db, sql_seal_bounds, &p, &r);
	if (err != ERR_OK)
		return err;
	c->kept = pg_time_us(r, 0, 1);
	c->from = pg_time_us(r, 0, 0) > c->kept ? pg_time_us(r, 0, 0) : c->kept;
	c->seals_from = c->from - CLOCK_SET_BACK_US;
	c->since = pg_time_us(r, 0, 2);
	err = seal_checking_begin(c, true);
	if (err == ERR_OK)
		err = seal_check_chains(c);
	return err == ERR_OK ? seal_check_rows(c) : err;
}

enum err operator_seal_check(struct operator_db *db, const struct seal_check_spec *spec, struct seal_check *ret)
{
	struct seal_check found = {.rows = 0};
	struct seal_checking c = {.db = db, .spec = spec, .found = &found};
	enum err err = operator_snapshot(db, check, &c);
	seal_checking_end(&c);
	if (err == ERR_OK)
		*ret = found;
	return err;
}

/* ---- heads ---- */

/* $1 days */
#define SQL_HEADS                                                                                                                          \
	"select " SEAL_COLUMNS ", k.public_jwk from (select distinct on (writer) * from m2m.audit_seal"                                    \
	"  where at > statement_timestamp() - make_interval(days => $1::int4) order by writer, seq desc) s"                                \
	" left join m2m.audit_key k on k.kid = s.kid order by s.at, s.writer"

struct heads_task {
	int32_t days;
	struct seal_head *heads;
	size_t n;
};

static enum err read_heads(struct operator_db *db, void *arg)
{
	struct heads_task *task = arg;
	struct hasher *hasher = hasher_new();
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_int4(&p, task->days);
	enum err err = operator_exec(db, SQL_HEADS, &p, &r);
	task->n = err == ERR_OK ? (size_t)PQntuples(r) : 0;
	task->heads = arena_alloc(db->a, (task->n + 1) * sizeof *task->heads);
	for (int i = 0; err == ERR_OK && task->heads != NULL && i < (int)task->n; i++) {
		struct stored_seal s = read_seal(r, i);
		task->heads[i] = (struct seal_head){.writer = s.seal.writer,
						    .seq = s.seal.seq,
						    .at = s.at,
						    .last = s.seal.last,
						    .signature = arena_copy(db->a, s.signature),
						    .kid = arena_copy(db->a, s.kid),
						    .public_jwk = operator_copy(db, r, i, SEAL_COLUMNS_N)};
		err = hasher == NULL ? ERR_NO_MEMORY : audit_seal_hash(hasher, &s.seal, task->heads[i].hash);
	}
	hasher_free(hasher);
	if (err == ERR_OK && arena_overflowed(db->a))
		return operator_fail(db, ERR_NO_MEMORY, "there are more writers than there is memory for: ask for fewer days");
	return err;
}

enum err operator_seal_heads(struct operator_db *db, int32_t days, const struct seal_head **ret, size_t *ret_n)
{
	struct heads_task task = {.days = days};
	enum err err = operator_snapshot(db, read_heads, &task);
	if (err == ERR_OK) {
		*ret = task.heads;
		*ret_n = task.n;
	}
	return err;
}

/* ---- a proof ---- */

/* $1 jti; its own time, give or take a day, lets the planner leave out all partitions but one or
 * two (migrations/0004). */
#define SQL_TOKEN "select t.issued_at, t.batch_id from m2m.token($1::uuid) t"

/* $1 batch, $2 its time */
#define SQL_SEAL_OF                                                                                                                        \
	"select " SEAL_COLUMNS ", k.public_jwk from m2m.audit_seal s left join m2m.audit_key k on k.kid = s.kid"                           \
	" where s.sealed_batch_id = $1::uuid and s.previous_at = $2::timestamptz and s.at >= $2::timestamptz - " SQL_CLOCK_SET_BACK        \
	" limit 1"

#define LEAVES_MAX 1024 /* M2M_BATCH_MAX goes no higher */

struct prove_task {
	const struct uuid *jti;
	struct hasher *hasher;
	struct operator_db *db;
	int version; /* of the seal */
	struct seal_proof proof;
	struct audit_leaf *leaves;
	size_t n;
};

static struct str arena_join(struct arena *a, const struct str parts[2])
{
	struct sbuf out = sbuf_in(a, parts[0].n + parts[1].n + 1);
	sbuf_put(&out, parts[0]);
	sbuf_put(&out, parts[1]);
	return sbuf_str(&out);
}

static enum err take_leaf(void *arg, struct str tuple)
{
	struct prove_task *task = arg;
	struct uuid jti, batch_id;
	int64_t issued_at;
	enum err err = audit_row_read(tuple, &issued_at, &jti, &batch_id);
	if (err != ERR_OK || memcmp(&batch_id, &task->proof.batch_id, sizeof batch_id) != 0)
		return err;
	if (task->n == LEAVES_MAX)
		return ERR_MISMATCH;
	struct str sealed[2];
	audit_row_sealed(tuple, task->version, sealed);
	if (memcmp(&jti, task->jti, sizeof jti) == 0)
		task->proof.row = arena_join(task->db->a, sealed);
	return audit_leaf_join(task->hasher, jti, sealed, &task->leaves[task->n++]);
}

static enum err find_token(struct operator_db *db, struct prove_task *task)
{
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_uuid(&p, task->jti);
	enum err err = operator_exec(db, SQL_TOKEN, &p, &r);
	if (err != ERR_OK)
		return err;
	if (PQntuples(r) == 0)
		return operator_fail(db, ERR_NOT_FOUND, "the audit has no row for this token");
	task->proof.issued_at = pg_time_us(r, 0, 0);
	task->proof.batch_id = pg_uuid(r, 0, 1);
	return ERR_OK;
}

static enum err compose_proof(struct prove_task *task, const struct stored_seal *s)
{
	struct seal_proof *proof = &task->proof;
	struct sbuf bytes = sbuf_in(task->db->a, AUDIT_SEAL_HEAD_LEN + s->seal.tags.n + 1);
	uint8_t head[AUDIT_SEAL_HEAD_LEN];
	uint8_t root[SHA256_LEN];

	audit_leaves_sort(task->leaves, task->n);
	while (proof->index < task->n && memcmp(&task->leaves[proof->index].jti, task->jti, sizeof *task->jti) != 0)
		proof->index++;
	proof->rows = task->n;
	enum err err = audit_path(task->hasher, task->leaves, task->n, proof->index, root, proof->path, &proof->path_n);
	if (err != ERR_OK)
		return err;
	if (!crypto_equal(root, s->seal.root, sizeof root))
		return ERR_MISMATCH;
	audit_seal_head(&s->seal, head);
	sbuf_put(&bytes, str_from(head, sizeof head));
	sbuf_put(&bytes, s->seal.tags);
	proof->seal = sbuf_str(&bytes);
	proof->signature = arena_copy(task->db->a, s->signature);
	proof->kid = arena_copy(task->db->a, s->kid);
	return ERR_OK;
}

static enum err prove(struct operator_db *db, void *arg)
{
	struct prove_task *task = arg;
	PG_RESULT r = NULL;
	struct pg_params p;
	enum err err = find_token(db, task);
	if (err != ERR_OK)
		return err;
	pg_params_init(&p, db->a);
	pg_put_uuid(&p, &task->proof.batch_id);
	pg_put_time(&p, task->proof.issued_at);
	err = operator_exec(db, SQL_SEAL_OF, &p, &r);
	if (err != ERR_OK)
		return err;
	if (PQntuples(r) == 0)
		return operator_fail(
			db, ERR_NOT_FOUND,
			"this token's row isn't sealed: it is of its writer's last batch, which the next one seals, or two seconds "
			"of quiet");
	struct stored_seal s = read_seal(r, 0);
	task->version = s.seal.version;
	err = seal_each_row(db, task->proof.issued_at, task->proof.issued_at + 1, take_leaf, task);
	if (err == ERR_OK)
		err = compose_proof(task, &s);
	task->proof.public_jwk = operator_copy(db, r, 0, SEAL_COLUMNS_N);
	if (err == ERR_MISMATCH)
		return operator_fail(
			db, err, "the rows of this token's batch are not those that were sealed: `m2mctl audit verify` names what differs");
	return err;
}

enum err operator_seal_prove(struct operator_db *db, const struct uuid *jti, struct seal_proof *ret)
{
	struct prove_task task = {
		.jti = jti, .db = db, .hasher = hasher_new(), .leaves = arena_alloc(db->a, LEAVES_MAX * sizeof *task.leaves)};
	enum err err = task.hasher == NULL || task.leaves == NULL ? operator_fail(db, ERR_NO_MEMORY, "there is no memory left")
								  : operator_snapshot(db, prove, &task);
	hasher_free(task.hasher);
	if (err == ERR_OK)
		*ret = task.proof;
	return err;
}
