#include "operator/signing.h"

#include "crypto/wrapped_key.h"
#include "operator/exec.h"
#include "operator/operator_sql.h"
#include "sql/sql_sql.h"

/* Two that change keys at once must not both choose. Reading goes on meanwhile. The functions of
 * migrations/0019 and 0021 lock the table too, and have the rules; it is locked beforehand since
 * their time is that of the statement that calls them, which would have waited. */
#define SQL_LOCK "lock table m2m.signing_key in share row exclusive mode"
#define SQL_ANY  "select exists (select from m2m.signing_key_current)"

/* $1 to $5 as put_key has them; of a rotation $6 the seconds until it signs, or null */
#define SQL_FIRST "select m2m.signing_key_first($1::text, $2::text, $3::text, $4::bytea, $5::text)"
#define SQL_ROTATE                                                                                                                         \
	"select r.outcome, r.pending, r.seconds"                                                                                           \
	" from m2m.signing_key_rotate($1::text, $2::text, $3::text, $4::bytea, $5::text, $6::int8) r"
/* $1 kid, $2 whether it is revoked, $3 how long a successor must have been published, $4 at once,
 * $5 to $9 as put_key has them: a successor, if there is none but a new one */
#define SQL_LEAVE                                                                                                                          \
	"select r.outcome, r.successor, r.fresh from m2m.signing_key_leave($1::text, $2::bool, $3::int8, $4::bool,"                        \
	" $5::text, $6::text, $7::text, $8::bytea, $9::text) r"

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

/* In the arena; all absent: none. */
struct new_key {
	struct str kid, alg, public_jwk, wrapped, wrap_key_id;
};

static enum err make_key(struct operator_db *db, const struct master_ring *ring, enum jwt_alg alg, struct new_key *ret)
{
	const struct master_key *master = &ring->keys[0];
	__attribute__((cleanup(signing_key_cleanup))) struct signing_key *key = NULL;
	struct sbuf jwk = sbuf_in(db->a, 1024);
	struct str wrapped = STR_NONE;

	enum err err = signing_key_generate(alg, &key);
	if (err == ERR_OK)
		err = signing_key_public_jwk(key, &jwk);
	if (err == ERR_OK)
		err = wrapped_key_make(db->a, master, key, &wrapped);
	if (err != ERR_OK)
		return operator_fail(db, err, "the signing key could not be made: %s", err_info(err)->text);
	*ret = (struct new_key){arena_copy(db->a, signing_key_kid(key)), str_of(jwt_alg_name(alg)), sbuf_str(&jwk), wrapped,
				str_of(master->key_id)};
	return ERR_OK;
}

static void put_key(struct pg_params *p, const struct new_key *k)
{
	pg_put_text(p, k->kid);
	pg_put_text(p, k->alg);
	pg_put_text(p, k->public_jwk);
	pg_put_bytea(p, k->wrapped);
	pg_put_text(p, k->wrap_key_id);
}

static enum err record_key(struct operator_db *db, const char *action, const struct new_key *k)
{
	struct str detail = arena_printf(db->a, "{\"kid\":\"%.*s\",\"alg\":\"%.*s\",\"seal_key_id\":\"%.*s\"}", STR_ARG(k->kid),
					 STR_ARG(k->alg), STR_ARG(k->wrap_key_id));
	return operator_audit(db, &(struct operator_act){.action = action, .detail = detail});
}

static bool is_outcome(const PGresult *r, const char *outcome)
{
	return str_eq(pg_str(r, 0, 0), str_of(outcome));
}

/* A new key, made before the lock is taken and so held for less, as the first of a statement's
 * parameters. */
static enum err make_key_locked(struct operator_db *db, const struct master_ring *ring, enum jwt_alg alg, struct new_key *ret,
				struct pg_params *p)
{
	enum err err = make_key(db, ring, alg, ret);
	if (err == ERR_OK)
		err = operator_do(db, SQL_LOCK, NULL);
	if (err != ERR_OK)
		return err;
	pg_params_init(p, db->a);
	put_key(p, ret);
	return ERR_OK;
}

struct ensure_task {
	const struct master_ring *ring;
	enum jwt_alg alg;
	struct str kid;
};

static enum err ensure(struct operator_db *db, void *arg)
{
	struct ensure_task *task = arg;
	struct new_key key = {.kid = STR_NONE};
	PG_RESULT any = NULL;
	PG_RESULT r = NULL;
	struct pg_params p;
	enum err err = operator_exec(db, SQL_ANY, NULL, &any);
	if (err != ERR_OK || pg_bool(any, 0, 0))
		return err;
	err = make_key_locked(db, task->ring, task->alg, &key, &p);
	if (err != ERR_OK)
		return err;
	err = operator_exec(db, SQL_FIRST, &p, &r);
	if (err != ERR_OK || !is_outcome(r, "granted"))
		return err;
	task->kid = key.kid;
	return record_key(db, "create_signing_key", &key);
}

enum err operator_signing_key_ensure(struct operator_db *db, const struct master_ring *ring, enum jwt_alg alg, struct str *ret_kid)
{
	struct ensure_task task = {.ring = ring, .alg = alg, .kid = STR_NONE};
	enum err err = operator_transaction(db, ensure, &task);
	if (err == ERR_OK)
		*ret_kid = task.kid;
	return err;
}

/* ---- rotating ---- */

struct rotate_task {
	const struct master_ring *ring;
	enum jwt_alg alg;
	int64_t delay_s; /* negative: not before somebody says so */
	struct signing_key_row made;
};

static enum err rotate(struct operator_db *db, void *arg)
{
	struct rotate_task *task = arg;
	struct new_key key = {.kid = STR_NONE};
	PG_RESULT r = NULL;
	struct pg_params p;
	enum err err = make_key_locked(db, task->ring, task->alg, &key, &p);
	if (err != ERR_OK)
		return err;
	if (task->delay_s < 0)
		pg_put_raw(&p, PG_INT8, STR_NONE);
	else
		pg_put_int8(&p, task->delay_s);
	err = operator_exec(db, SQL_ROTATE, &p, &r);
	if (err == ERR_OK && !is_outcome(r, "granted"))
		return operator_fail(db, ERR_CONFLICT,
				     "a rotation is under way: %.*s takes over in %lld seconds; `m2mctl key retire %.*s` calls it off",
				     STR_ARG(pg_str(r, 0, 1)), (long long)pg_int8(r, 0, 2), STR_ARG(pg_str(r, 0, 1)));
	if (err == ERR_OK)
		err = record_key(db, "rotate_signing_key", &key);
	return err == ERR_OK ? find(db, key.kid, &task->made) : err;
}

enum err operator_signing_key_rotate(struct operator_db *db, const struct master_ring *ring, enum jwt_alg alg, int64_t delay_s,
				     struct signing_key_row *ret)
{
	struct rotate_task task = {.ring = ring, .alg = alg, .delay_s = delay_s};
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

static enum err ask_to_leave(struct operator_db *db, const struct signing_departure *d, const struct new_key *key, PGresult **ret)
{
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, d->kid);
	pg_put_bool(&p, d->revoke);
	pg_put_int8(&p, d->known_s);
	pg_put_bool(&p, d->at_once);
	put_key(&p, key);
	return operator_exec(db, SQL_LEAVE, &p, ret);
}

static enum err refused_to_leave(struct operator_db *db, const struct signing_departure *d, const PGresult *r)
{
	if (is_outcome(r, "not_found"))
		return operator_fail(db, ERR_NOT_FOUND, "there is no signing key \"%.*s\"", STR_ARG(d->kid));
	if (is_outcome(r, "conflict"))
		return operator_fail(db, ERR_CONFLICT, "%.*s is %.*s already", STR_ARG(d->kid), STR_ARG(pg_str(r, 0, 1)));
	return operator_fail(db, ERR_CONFLICT,
			     "%.*s signs now, and no other key has been published for the %lld seconds that verifiers may keep the JWKS: "
			     "%s, or say --now",
			     STR_ARG(d->kid), (long long)d->known_s,
			     pg_is_null(r, 0, 1) ? "`m2mctl key rotate --standby` and wait" : "wait for the next one");
}

/* No other key can sign in its place. */
static enum err leave_to_new_key(struct operator_db *db, const struct leave_task *task, PGresult **ret)
{
	struct new_key key = {.kid = STR_NONE};
	enum err err = make_key(db, task->ring, task->departure->new_alg, &key);
	if (err == ERR_OK)
		err = record_key(db, "rotate_signing_key", &key);
	return err == ERR_OK ? ask_to_leave(db, task->departure, &key, ret) : err;
}

static enum err leave(struct operator_db *db, void *arg)
{
	struct leave_task *task = arg;
	const struct signing_departure *d = task->departure;
	PG_RESULT r = NULL;
	PG_RESULT again = NULL;
	enum err err = operator_do(db, SQL_LOCK, NULL);
	if (err == ERR_OK)
		err = ask_to_leave(db, d, &(struct new_key){.kid = STR_NONE}, &r);
	bool wanted = err == ERR_OK && is_outcome(r, "key_wanted");
	if (wanted)
		err = leave_to_new_key(db, task, &again);
	if (err != ERR_OK)
		return err;
	const PGresult *left = wanted ? again : r;
	if (!is_outcome(left, "granted"))
		return refused_to_leave(db, d, left);
	struct str successor = operator_copy(db, left, 0, 1);
	task->successor = (struct signing_successor){.kid = successor, .fresh = pg_bool(left, 0, 2)};
	struct str detail = successor.p == NULL
				    ? arena_printf(db->a, "{\"kid\":\"%.*s\"}", STR_ARG(d->kid))
				    : arena_printf(db->a, "{\"kid\":\"%.*s\",\"successor\":\"%.*s\"}", STR_ARG(d->kid), STR_ARG(successor));
	const char *action = d->revoke ? "revoke_signing_key" : "retire_signing_key";
	return operator_audit(db, &(struct operator_act){.action = action, .detail = detail});
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
