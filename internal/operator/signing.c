#include "operator/signing.h"

#include "crypto/wrapped_key.h"
#include "operator/exec.h"
#include "operator/operator_sql.h"
#include "sql/sql_sql.h"

/* Two that change keys at once must not both choose. Reading goes on meanwhile. */
#define SQL_LOCK "lock table m2m.signing_key in share row exclusive mode"
#define SQL_ANY  "select exists (select from m2m.signing_key_current)"

#define SQL_PENDING                                                                                                                        \
	"select kid, extract(epoch from active_from - statement_timestamp())::int8 from m2m.signing_keys"                                  \
	" where state = 'next' and active_from < 'infinity' limit 1"

#define SQL_ACTIVATE "update m2m.signing_key set active_from = statement_timestamp(), state = 'active' where kid = $1::text"

#define SQL_WRAPPED_OTHERWISE                                                                                                              \
	"select kid, sealed, seal_key_id from m2m.signing_key where state <> 'revoked' and seal_key_id <> $1::text order by kid"
#define SQL_RESEAL "update m2m.signing_key set sealed = $2::bytea, seal_key_id = $3::text where kid = $1::text"

static void signing_key_cleanup(struct signing_key **key)
{
	signing_key_free(*key);
}

/* ---- reading ---- */

struct list_task {
	struct str kid; /* absent: all */
	struct signing_key_row *rows;
	size_t n;
};

static enum err read_list(struct operator_db *db, void *arg)
{
	struct list_task *task = arg;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, task->kid);
	PG_RESULT r = NULL;
	enum err err = operator_exec(db, sql_signing_key_list, &p, &r);
	if (err != ERR_OK)
		return err;

	task->n = (size_t)PQntuples(r);
	task->rows = arena_alloc(db->a, task->n * sizeof *task->rows);
	for (int i = 0; task->rows != NULL && i < (int)task->n; i++)
		task->rows[i] = (struct signing_key_row){
			.kid = operator_copy(db, r, i, 0),
			.alg = operator_copy(db, r, i, 1),
			.state = operator_copy(db, r, i, 2),
			.public_jwk = operator_copy(db, r, i, 3),
			.wrap_key_id = operator_copy(db, r, i, 4),
			.current = pg_bool(r, i, 5),
			.created_at = pg_time_us(r, i, 6),
			.active_from = pg_time_us(r, i, 7),
			.retired_at = pg_time_us(r, i, 8),
			.published_until = pg_time_us(r, i, 9),
			.revoked_at = pg_time_us(r, i, 10),
		};
	return arena_overflowed(db->a) ? operator_fail(db, ERR_NO_MEMORY, "there is no memory left") : ERR_OK;
}

enum err operator_signing_key_list(struct operator_db *db, const struct signing_key_row **ret, size_t *ret_n)
{
	struct list_task task = {.kid = STR_NONE};
	enum err err = operator_transaction(db, read_list, &task);
	if (err == ERR_OK) {
		*ret = task.rows;
		*ret_n = task.n;
	}
	return err;
}

/* In the caller's transaction. */
static enum err find(struct operator_db *db, struct str kid, struct signing_key_row *ret)
{
	struct list_task task = {.kid = kid};
	enum err err = read_list(db, &task);
	if (err != ERR_OK)
		return err;
	if (task.rows == NULL || task.n == 0)
		return operator_fail(db, ERR_NOT_FOUND, "there is no signing key \"%.*s\"", STR_ARG(kid));
	*ret = task.rows[0];
	return ERR_OK;
}

struct find_task {
	struct str kid;
	struct signing_key_row found;
};

static enum err run_find(struct operator_db *db, void *arg)
{
	struct find_task *task = arg;
	return find(db, task->kid, &task->found);
}

enum err operator_signing_key_find(struct operator_db *db, struct str kid, struct signing_key_row *ret)
{
	struct find_task task = {.kid = kid};
	enum err err = operator_transaction(db, run_find, &task);
	if (err == ERR_OK)
		*ret = task.found;
	return err;
}

/* ---- making ---- */

struct new_key {
	const struct master_ring *ring;
	enum jwt_alg alg;
	int64_t delay_s; /* negative: not before somebody says so */
	const char *action;
};

static enum err make_key(struct operator_db *db, const struct new_key *wanted, struct str *ret_kid)
{
	const struct master_key *master = &wanted->ring->keys[0];
	__attribute__((cleanup(signing_key_cleanup))) struct signing_key *key = NULL;
	struct sbuf jwk = sbuf_in(db->a, 1024);
	struct str wrapped = STR_NONE;

	enum err err = signing_key_generate(wanted->alg, &key);
	if (err == ERR_OK)
		err = signing_key_public_jwk(key, &jwk);
	if (err == ERR_OK)
		err = wrapped_key_make(db->a, master, key, &wrapped);
	if (err != ERR_OK)
		return operator_fail(db, err, "the signing key could not be made: %s", err_info(err)->text);

	struct str kid = arena_copy(db->a, signing_key_kid(key));
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, kid);
	pg_put_text(&p, str_of(jwt_alg_name(wanted->alg)));
	pg_put_text(&p, sbuf_str(&jwk));
	pg_put_bytea(&p, wrapped);
	pg_put_text(&p, str_of(master->key_id));
	if (wanted->delay_s < 0)
		pg_put_raw(&p, PG_INT8, STR_NONE);
	else
		pg_put_int8(&p, wanted->delay_s);
	err = operator_do(db, sql_signing_key_insert, &p);
	if (err == ERR_OK)
		err = operator_audit(
			db, &(struct operator_act){.action = wanted->action,
						   .detail = arena_printf(db->a, "{\"kid\":\"%.*s\",\"alg\":\"%s\",\"seal_key_id\":\"%s\"}",
									  STR_ARG(kid), jwt_alg_name(wanted->alg), master->key_id)});
	if (err == ERR_OK)
		*ret_kid = kid;
	return err;
}

struct ensure_task {
	struct new_key wanted;
	struct str kid;
};

static enum err ensure(struct operator_db *db, void *arg)
{
	struct ensure_task *task = arg;
	PG_RESULT any = NULL;
	enum err err = operator_do(db, SQL_LOCK, NULL);
	if (err == ERR_OK)
		err = operator_exec(db, SQL_ANY, NULL, &any);
	if (err != ERR_OK || pg_bool(any, 0, 0))
		return err;
	return make_key(db, &task->wanted, &task->kid);
}

enum err operator_signing_key_ensure(struct operator_db *db, const struct master_ring *ring, enum jwt_alg alg, struct str *ret_kid)
{
	struct ensure_task task = {.wanted = {.ring = ring, .alg = alg, .action = "create_signing_key"}, .kid = STR_NONE};
	enum err err = operator_transaction(db, ensure, &task);
	if (err == ERR_OK)
		*ret_kid = task.kid;
	return err;
}

/* ---- rotating ---- */

struct rotate_task {
	struct new_key wanted;
	struct signing_key_row made;
};

static enum err rotate(struct operator_db *db, void *arg)
{
	struct rotate_task *task = arg;
	PG_RESULT pending = NULL;
	struct str kid = STR_NONE;
	enum err err = operator_do(db, SQL_LOCK, NULL);
	if (err == ERR_OK)
		err = operator_exec(db, SQL_PENDING, NULL, &pending);
	if (err != ERR_OK)
		return err;
	if (task->wanted.delay_s >= 0 && PQntuples(pending) > 0)
		return operator_fail(db, ERR_CONFLICT,
				     "a rotation is under way: %.*s takes over in %lld seconds; `m2mctl key retire %.*s` calls it off",
				     STR_ARG(pg_str(pending, 0, 0)), (long long)pg_int8(pending, 0, 1), STR_ARG(pg_str(pending, 0, 0)));
	err = make_key(db, &task->wanted, &kid);
	return err == ERR_OK ? find(db, kid, &task->made) : err;
}

enum err operator_signing_key_rotate(struct operator_db *db, const struct master_ring *ring, enum jwt_alg alg, int64_t delay_s,
				     struct signing_key_row *ret)
{
	struct rotate_task task = {.wanted = {.ring = ring, .alg = alg, .delay_s = delay_s, .action = "rotate_signing_key"}};
	enum err err = operator_transaction(db, rotate, &task);
	if (err == ERR_OK)
		*ret = task.made;
	return err;
}

/* ---- leaving ---- */

struct leave_task {
	const struct master_ring *ring;
	const struct signing_departure *departure;
	struct signing_successor successor;
};

static enum err activate(struct operator_db *db, struct str kid)
{
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, kid);
	return operator_do(db, SQL_ACTIVATE, &p);
}

/* Before the present key leaves, so that there is none without a successor. */
static enum err choose_successor(struct operator_db *db, struct leave_task *task)
{
	const struct signing_departure *d = task->departure;
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, d->kid);
	pg_put_int8(&p, d->known_s);
	enum err err = operator_exec(db, sql_signing_key_successor, &p, &r);
	if (err != ERR_OK)
		return err;
	bool any = PQntuples(r) > 0;
	bool known = any && pg_bool(r, 0, 1);
	if (!known && !d->at_once)
		return operator_fail(
			db, ERR_CONFLICT,
			"%.*s signs now, and no other key has been published for the %lld seconds that verifiers may keep the JWKS: "
			"%s, or say --now",
			STR_ARG(d->kid), (long long)d->known_s, any ? "wait for the next one" : "`m2mctl key rotate --standby` and wait");
	task->successor.fresh = !known;
	if (any) {
		task->successor.kid = operator_copy(db, r, 0, 0);
		return activate(db, task->successor.kid);
	}
	return make_key(db, &(struct new_key){.ring = task->ring, .alg = d->new_alg, .action = "rotate_signing_key"}, &task->successor.kid);
}

static enum err leave(struct operator_db *db, void *arg)
{
	struct leave_task *task = arg;
	const struct signing_departure *d = task->departure;
	struct signing_key_row row = {.kid = STR_NONE};
	enum err err = operator_do(db, SQL_LOCK, NULL);
	if (err == ERR_OK)
		err = find(db, d->kid, &row);
	if (err != ERR_OK)
		return err;
	if (row.revoked_at != 0 || (!d->revoke && str_eq(row.state, STR("retired"))))
		return operator_fail(db, ERR_CONFLICT, "%.*s is %.*s already", STR_ARG(d->kid), STR_ARG(row.state));
	if (row.current)
		err = choose_successor(db, task);
	if (err != ERR_OK)
		return err;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, d->kid);
	pg_put_bool(&p, d->revoke);
	err = operator_do(db, sql_signing_key_leave, &p);
	struct str successor = task->successor.kid;
	struct str detail = successor.p == NULL ? arena_printf(db->a, "{\"kid\":\"%.*s\"}", STR_ARG(row.kid))
						: arena_printf(db->a, "{\"kid\":\"%.*s\",\"successor\":\"%.*s\"}", STR_ARG(row.kid),
							       STR_ARG(successor));
	const char *action = d->revoke ? "revoke_signing_key" : "retire_signing_key";
	return err == ERR_OK ? operator_audit(db, &(struct operator_act){.action = action, .detail = detail}) : err;
}

enum err operator_signing_key_leave(struct operator_db *db, const struct master_ring *ring, const struct signing_departure *departure,
				    struct signing_successor *ret)
{
	struct leave_task task = {.ring = ring, .departure = departure, .successor = {.kid = STR_NONE}};
	enum err err = operator_transaction(db, leave, &task);
	if (err == ERR_OK)
		*ret = task.successor;
	return err;
}

/* ---- wrapping anew ---- */

struct reseal_task {
	const struct master_ring *ring;
	operator_progress *progress;
	void *arg;
	size_t moved;
};

static enum err reseal_one(struct operator_db *db, const struct master_ring *ring, const struct wrapped_key *key)
{
	const struct master_key *to = &ring->keys[0];
	struct str fresh;
	enum err err = wrapped_key_move(db->a, ring, key, to, &fresh);
	if (err == ERR_NO_MEMORY)
		return operator_fail(db, ERR_NO_MEMORY, "there is no memory left");
	if (err == ERR_KEY_MISSING)
		return operator_fail(db, ERR_MISMATCH,
				     "the signing key %.*s is sealed with the master key \"%.*s\", which is not on the ring",
				     STR_ARG(key->kid), STR_ARG(key->key_id));
	if (err != ERR_OK)
		return operator_fail(db, ERR_MISMATCH, "the signing key %.*s doesn't open with the master key \"%.*s\"", STR_ARG(key->kid),
				     STR_ARG(key->key_id));
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, key->kid);
	pg_put_bytea(&p, fresh);
	pg_put_text(&p, str_of(to->key_id));
	err = operator_do(db, SQL_RESEAL, &p);
	struct str detail = arena_printf(db->a, "{\"kid\":\"%.*s\",\"from\":\"%.*s\",\"seal_key_id\":\"%s\"}", STR_ARG(key->kid),
					 STR_ARG(key->key_id), to->key_id);
	return err == ERR_OK ? operator_audit(db, &(struct operator_act){.action = "reseal_signing_key", .detail = detail}) : err;
}

static enum err reseal(struct operator_db *db, void *arg)
{
	struct reseal_task *task = arg;
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, str_of(task->ring->keys[0].key_id));
	enum err err = operator_do(db, SQL_LOCK, NULL);
	if (err == ERR_OK)
		err = operator_exec(db, SQL_WRAPPED_OTHERWISE, &p, &r);
	size_t n = err == ERR_OK ? (size_t)PQntuples(r) : 0;
	for (int i = 0; err == ERR_OK && i < (int)n; i++) {
		err = reseal_one(db, task->ring, &(struct wrapped_key){pg_str(r, i, 0), pg_str(r, i, 1), pg_str(r, i, 2)});
		task->moved += err == ERR_OK;
		if (err == ERR_OK && task->progress != NULL)
			task->progress(task->arg, task->moved, n);
	}
	return err;
}

enum err operator_signing_key_reseal(struct operator_db *db, const struct master_ring *ring, operator_progress *progress, void *arg,
				     size_t *ret_n)
{
	struct reseal_task task = {.ring = ring, .progress = progress, .arg = arg};
	enum err err = operator_transaction(db, reseal, &task);
	if (err == ERR_OK)
		*ret_n = task.moved;
	return err;
}
