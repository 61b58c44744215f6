#include "operator/key.h"

#include "operator/exec.h"
#include "operator/operator_sql.h"

#define SQL_CHECK_INSERT "insert into m2m.key_check (key_id, check_value) values ($1::text, $2::bytea) on conflict do nothing"
#define SQL_CHECK_READ   "select check_value from m2m.key_check where key_id = $1::text"

struct ring_task {
	const struct master_ring *ring;
	bool write;
	unsigned unknown;
};

static enum err compare_key(struct operator_db *db, const struct master_key *key, struct ring_task *task)
{
	struct str check = str_from(key->check, sizeof key->check);
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, str_of(key->key_id));

	PG_RESULT r = NULL;
	enum err err = operator_exec(db, SQL_CHECK_READ, &p, &r);
	if (err != ERR_OK)
		return err;
	if (PQntuples(r) == 0) {
		task->unknown++;
		if (!task->write)
			return ERR_OK;
		pg_put_bytea(&p, check);
		err = operator_do(db, SQL_CHECK_INSERT, &p);
		return err == ERR_OK
			       ? operator_audit(db,
						&(struct operator_act){.action = "register_master_key",
								       .detail = arena_printf(db->a, "{\"key_id\":\"%s\"}", key->key_id)})
			       : err;
	}
	if (!str_eq(pg_str(r, 0, 0), check))
		return operator_fail(db, ERR_MISMATCH, "the master key \"%s\" is not the one that this database knows under that name",
				     key->key_id);
	return ERR_OK;
}

static enum err compare_ring(struct operator_db *db, void *arg)
{
	struct ring_task *task = arg;
	enum err err = ERR_OK;
	for (unsigned i = 0; err == ERR_OK && i < task->ring->n; i++)
		err = compare_key(db, &task->ring->keys[i], task);
	return err;
}

enum err operator_key_register(struct operator_db *db, const struct master_ring *ring, unsigned *ret_new)
{
	struct ring_task task = {.ring = ring, .write = true};
	enum err err = operator_transaction(db, compare_ring, &task);
	if (err == ERR_OK)
		*ret_new = task.unknown;
	return err;
}

enum err operator_key_compare(struct operator_db *db, const struct master_ring *ring, unsigned *ret_unknown)
{
	struct ring_task task = {.ring = ring};
	enum err err = operator_transaction(db, compare_ring, &task);
	if (err == ERR_OK)
		*ret_unknown = task.unknown;
	return err;
}

struct use_task {
	const struct master_ring *ring;
	struct master_key_row *rows;
	size_t n;
};

static enum err read_use(struct operator_db *db, void *arg)
{
	struct use_task *task = arg;
	struct str ids[MASTER_RING_MAX];
	struct pg_params p;
	PG_RESULT r = NULL;
	for (unsigned i = 0; i < task->ring->n; i++)
		ids[i] = str_of(task->ring->keys[i].key_id);
	pg_params_init(&p, db->a);
	pg_put_array(&p, PG_TEXT, ids, task->ring->n);
	enum err err = operator_exec(db, sql_key_use, &p, &r);
	if (err != ERR_OK)
		return err;
	task->n = (size_t)PQntuples(r);
	task->rows = arena_alloc(db->a, (task->n + 1) * sizeof *task->rows);
	for (int i = 0; task->rows != NULL && i < (int)task->n; i++) {
		struct str key_id = operator_copy(db, r, i, 0);
		task->rows[i] = (struct master_key_row){
			.key_id = key_id,
			.on_ring = master_ring_find(task->ring, key_id) != NULL,
			.active = str_eq(key_id, str_of(task->ring->keys[0].key_id)),
			.registered_at = pg_time_us(r, i, 1),
			.live_secrets = pg_int8(r, i, 2),
			.signing_keys = pg_int8(r, i, 3),
		};
	}
	return arena_overflowed(db->a) ? operator_fail(db, ERR_NO_MEMORY, "there is no memory left") : ERR_OK;
}

enum err operator_key_use(struct operator_db *db, const struct master_ring *ring, const struct master_key_row **ret, size_t *ret_n)
{
	struct use_task task = {.ring = ring};
	enum err err = operator_transaction(db, read_use, &task);
	if (err == ERR_OK) {
		*ret = task.rows;
		*ret_n = task.n;
	}
	return err;
}
