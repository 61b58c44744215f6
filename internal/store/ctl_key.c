#include "store/ctl_key.h"

#include "base/clock.h"
#include "crypto/digest.h"
#include "crypto/seal.h"
#include "store/ctl_exec.h"

#define SQL_CHECK_INSERT "insert into m2m.key_check (key_id, check_value) values ($1::text, $2::bytea) on conflict do nothing"
#define SQL_CHECK_READ   "select check_value from m2m.key_check where key_id = $1::text"

/* Two that migrate at once must not both make a first key. */
#define SQL_KEY_LOCK "lock table m2m.signing_key in share row exclusive mode"
#define SQL_KEY_ANY  "select exists (select from m2m.signing_key)"
#define SQL_KEY_INSERT                                                                                                                     \
	"insert into m2m.signing_key (kid, alg, state, public_jwk, sealed, seal_key_id, active_from)"                                      \
	" values ($1::text, $2::text, 'active', $3::text, $4::bytea, $5::text, statement_timestamp())"

#define SQL_KEY_LIST                                                                                                                       \
	"select k.kid, k.alg, k.state, k.public_jwk, k.seal_key_id, c.kid is not null, k.created_at, k.active_from"                        \
	" from m2m.signing_key k left join m2m.signing_key_current c on c.kid = k.kid"                                                     \
	" where $1::text is null or k.kid = $1::text order by k.active_from desc, k.kid desc"

struct ring_task {
	const struct master_ring *ring;
	bool write;
	unsigned unknown;
};

static enum err compare_key(struct ctl_db *db, const struct master_key *key, struct ring_task *task)
{
	struct str check = str_from(key->check, sizeof key->check);
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, str_of(key->key_id));

	PG_RESULT r = NULL;
	enum err err = ctl_exec(db, SQL_CHECK_READ, &p, &r);
	if (err != ERR_OK)
		return err;
	if (PQntuples(r) == 0) {
		task->unknown++;
		if (!task->write)
			return ERR_OK;
		pg_put_bytea(&p, check);
		err = ctl_do(db, SQL_CHECK_INSERT, &p);
		return err == ERR_OK ? ctl_audit(db, &(struct ctl_act){.action = "register_master_key",
								       .detail = arena_printf(db->a, "{\"key_id\":\"%s\"}", key->key_id)})
				     : err;
	}
	if (!str_eq(pg_str(r, 0, 0), check))
		return ctl_fail(db, ERR_MISMATCH, "the master key \"%s\" is not the one that this database knows under that name",
				key->key_id);
	return ERR_OK;
}

static enum err compare_ring(struct ctl_db *db, void *arg)
{
	struct ring_task *task = arg;
	enum err err = ERR_OK;
	for (unsigned i = 0; err == ERR_OK && i < task->ring->n; i++)
		err = compare_key(db, &task->ring->keys[i], task);
	return err;
}

enum err ctl_key_register(struct ctl_db *db, const struct master_ring *ring, unsigned *ret_new)
{
	struct ring_task task = {.ring = ring, .write = true};
	enum err err = ctl_transaction(db, compare_ring, &task);
	if (err == ERR_OK)
		*ret_new = task.unknown;
	return err;
}

enum err ctl_key_compare(struct ctl_db *db, const struct master_ring *ring, unsigned *ret_unknown)
{
	struct ring_task task = {.ring = ring};
	enum err err = ctl_transaction(db, compare_ring, &task);
	if (err == ERR_OK)
		*ret_unknown = task.unknown;
	return err;
}

static void signing_key_cleanup(struct signing_key **key)
{
	signing_key_free(*key);
}
static void arena_cleanup(struct arena **a)
{
	arena_free(*a);
}

/* The private key in clear is in `secrets` alone, which is wiped. */
static enum err seal_key(struct arena *a, const struct signing_key *key, const struct master_key *master, struct str *ret)
{
	__attribute__((cleanup(arena_cleanup))) struct arena *secrets = arena_new(64 * 1024);
	struct str der;
	if (secrets == NULL)
		return ERR_NO_MEMORY;
	arena_wipe_on_free(secrets);
	enum err err = signing_key_to_der(key, secrets, &der);
	return err == ERR_OK ? seal(a, master, signing_key_kid(key), der, ret) : err;
}

struct signing_task {
	const struct master_ring *ring;
	enum jwt_alg alg;
	struct str kid;
};

static enum err make_signing_key(struct ctl_db *db, struct signing_task *task)
{
	const struct master_key *master = &task->ring->keys[0];
	__attribute__((cleanup(signing_key_cleanup))) struct signing_key *key = NULL;
	struct sbuf jwk = sbuf_in(db->a, 1024);
	struct str sealed = STR_NONE;

	enum err err = signing_key_generate(task->alg, &key);
	if (err == ERR_OK)
		err = signing_key_public_jwk(key, &jwk);
	if (err == ERR_OK)
		err = seal_key(db->a, key, master, &sealed);
	if (err != ERR_OK)
		return ctl_fail(db, err, "the signing key could not be made: %s", err_info(err)->text);

	struct str kid = arena_copy(db->a, signing_key_kid(key));
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, kid);
	pg_put_text(&p, str_of(jwt_alg_name(task->alg)));
	pg_put_text(&p, sbuf_str(&jwk));
	pg_put_bytea(&p, sealed);
	pg_put_text(&p, str_of(master->key_id));
	err = ctl_do(db, SQL_KEY_INSERT, &p);
	if (err == ERR_OK)
		err = ctl_audit(db,
				&(struct ctl_act){.action = "create_signing_key",
						  .detail = arena_printf(db->a, "{\"kid\":\"%.*s\",\"alg\":\"%s\",\"seal_key_id\":\"%s\"}",
									 STR_ARG(kid), jwt_alg_name(task->alg), master->key_id)});
	task->kid = kid;
	return err;
}

static enum err ensure_signing_key(struct ctl_db *db, void *arg)
{
	PG_RESULT any = NULL;
	enum err err = ctl_do(db, SQL_KEY_LOCK, NULL);
	if (err == ERR_OK)
		err = ctl_exec(db, SQL_KEY_ANY, NULL, &any);
	if (err != ERR_OK || pg_bool(any, 0, 0))
		return err;
	return make_signing_key(db, arg);
}

enum err ctl_signing_key_ensure(struct ctl_db *db, const struct master_ring *ring, enum jwt_alg alg, struct str *ret_kid)
{
	struct signing_task task = {.ring = ring, .alg = alg, .kid = STR_NONE};
	enum err err = ctl_transaction(db, ensure_signing_key, &task);
	if (err == ERR_OK)
		*ret_kid = task.kid;
	return err;
}

struct list_task {
	struct str kid; /* absent: all */
	struct signing_key_row *rows;
	size_t n;
};

static enum err read_list(struct ctl_db *db, void *arg)
{
	struct list_task *task = arg;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, task->kid);
	PG_RESULT r = NULL;
	enum err err = ctl_exec(db, SQL_KEY_LIST, &p, &r);
	if (err != ERR_OK)
		return err;

	task->n = (size_t)PQntuples(r);
	task->rows = arena_alloc(db->a, task->n * sizeof *task->rows);
	for (int i = 0; task->rows != NULL && i < (int)task->n; i++)
		task->rows[i] = (struct signing_key_row){
			.kid = ctl_copy(db, r, i, 0),
			.alg = ctl_copy(db, r, i, 1),
			.state = ctl_copy(db, r, i, 2),
			.public_jwk = ctl_copy(db, r, i, 3),
			.seal_key_id = ctl_copy(db, r, i, 4),
			.current = pg_bool(r, i, 5),
			.created_at = pg_time_us(r, i, 6),
			.active_from = pg_time_us(r, i, 7),
		};
	return arena_overflowed(db->a) ? ctl_fail(db, ERR_NO_MEMORY, "there is no memory left") : ERR_OK;
}

enum err ctl_signing_key_list(struct ctl_db *db, const struct signing_key_row **ret, size_t *ret_n)
{
	struct list_task task = {.kid = STR_NONE};
	enum err err = ctl_transaction(db, read_list, &task);
	if (err == ERR_OK) {
		*ret = task.rows;
		*ret_n = task.n;
	}
	return err;
}

enum err ctl_signing_key_find(struct ctl_db *db, struct str kid, struct signing_key_row *ret)
{
	struct list_task task = {.kid = kid};
	enum err err = ctl_transaction(db, read_list, &task);
	if (err == ERR_OK && task.n == 0)
		return ctl_fail(db, ERR_NOT_FOUND, "there is no signing key \"%.*s\"", STR_ARG(kid));
	if (err == ERR_OK)
		*ret = task.rows[0];
	return err;
}
