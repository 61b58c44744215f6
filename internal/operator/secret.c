/* Reading and rotating secrets, and a new client's first one. All go through the gateway's own
 * statements (sql_sql.h) with an operator as the bearer, so that m2mctl and the gateway
 * answer the same. */
#include "crypto/digest.h"
#include "operator/admin.h"
#include "operator/client.h"
#include "operator/credential.h"
#include "operator/exec.h"
#include "operator/key.h"
#include "sql/sql_sql.h"

#define ROTATE_TRIES 10

static enum err not_made(struct operator_db *db, enum err err)
{
	return operator_fail(db, err, "the secret could not be made: %s", err_info(err)->text);
}

enum err operator_credential_first(struct operator_db *db, const struct master_ring *ring, const struct uuid *organization_id,
				   char secret[SECRET_LEN], struct credential_new *ret_fresh)
{
	char client_id[CLIENT_ID_LEN];
	unsigned new_keys = 0;
	/* no secret under a key that the gateways don't mean by this name */
	enum err err = operator_key_register(db, ring, &new_keys);
	if (err != ERR_OK)
		return err;
	err = client_id_make(client_id);
	if (err != ERR_OK)
		return not_made(db, err);
	struct secret_params params = {
		.organization_id = *organization_id, .client_id = arena_copy(db->a, str_from(client_id, sizeof client_id)), .version = 1};
	struct credential_new fresh = {.client_id = params.client_id};
	err = credential_make(&ring->keys[0], &params, &fresh.kept, secret);
	if (err != ERR_OK)
		return not_made(db, err);
	*ret_fresh = fresh;
	return ERR_OK;
}

static struct client_secret told(struct operator_db *db, struct str client_id, const char secret[SECRET_LEN])
{
	char hint[SECRET_HINT_LEN];
	secret_hint(secret, hint);
	return (struct client_secret){
		.client_id = client_id,
		.secret = arena_copy(db->a, str_from(secret, SECRET_LEN)),
		.hint = arena_copy(db->a, str_from(hint, SECRET_HINT_LEN)),
	};
}

struct client_secret operator_credential_told(struct operator_db *db, const struct credential_new *fresh, const char secret[SECRET_LEN],
					      int64_t created_at)
{
	struct client_secret s = told(db, fresh->client_id, secret);
	s.version = 1;
	s.created_at = created_at;
	return s;
}

/* The words of the statements' outcomes. A bearer whose organization is disabled gets no row from
 * them, since the gateway counts it among the denied ones; an operator's act does. */
static enum err outcome(struct operator_db *db, const char *action, struct str word, const struct client *client)
{
	if (str_eq(word, STR("granted")))
		return ERR_OK;
	if (str_eq(word, STR("invalid_token")))
		return operator_refuse(db,
				       operator_fail(db, ERR_NOT_FOUND, "the organization %.*s is disabled", STR_ARG(client->organization)),
				       &(struct operator_act){.action = action,
							      .outcome = "organization_disabled",
							      .organization_id = &client->organization_id,
							      .client_id = client->client_id});
	if (str_eq(word, STR("client_not_found")))
		return operator_fail(db, ERR_NOT_FOUND, "the client %.*s is disabled", STR_ARG(client->client_id));
	if (str_eq(word, STR("secret_ended")))
		return operator_fail(db, ERR_SECRET_ENDED, "the secret of client %.*s has ended; `m2mctl client rotate` makes a new one",
				     STR_ARG(client->client_id));
	if (str_eq(word, STR("secret_not_readable")))
		return operator_fail(
			db, ERR_SECRET_NOT_READABLE,
			"the secret of %.*s was brought along from another product and can't be read; rotate it to get one that can",
			STR_ARG(client->client_id));
	if (str_eq(word, STR("key_missing")))
		return operator_fail(db, ERR_KEY_MISSING, "the secret was made with a master key that is not in M2M_MASTER_KEYS");
	return operator_fail(db, ERR_INTERNAL, "refused: %.*s", STR_ARG(word));
}

struct task {
	const struct master_ring *ring;
	const struct client *client;
	struct bearer bearer;
	struct origin origin;
	struct credential_rotation rotation; /* an operator repeats by hand: no idempotency key */
	struct credential_new fresh;
	PGresult *row; /* the statement's one row */
};

static struct task task_of(struct operator_db *db, const struct master_ring *ring, const struct client *client)
{
	return (struct task){
		.ring = ring,
		.client = client,
		.bearer = {.organization_id = client->organization_id, .admin = true, .anywhere = true},
		.origin = operator_origin(db),
		.rotation = {.client_id = client->client_id},
	};
}

/* A refusal is an answer too: its audit row must commit. So the bodies succeed, and the outcome
 * is looked at afterwards. */
static enum err read_body(struct operator_db *db, void *arg)
{
	struct task *task = arg;
	struct pg_params p;
	pg_params_init(&p, db->a);
	credential_put_read(&p, &task->bearer, &task->origin, task->client->client_id, task->ring);
	return operator_exec(db, sql_read_secret, &p, &task->row);
}

static enum err derive_again(struct operator_db *db, const struct task *task, struct client_secret *ret)
{
	struct credential c = {.replay = false};
	char secret[SECRET_LEN];
	credential_take_secret(&c, task->row);
	enum err err = credential_derive(task->ring, c.key_id, &c.params, c.verifier, secret);
	if (err == ERR_MISMATCH)
		return operator_fail(db, err,
				     "the derived secret doesn't match the stored verifier: the master key \"%.*s\" or the row was changed",
				     STR_ARG(c.key_id));
	if (err != ERR_OK)
		return operator_fail(db, err, "the secret could not be derived: %s", err_info(err)->text);
	*ret = told(db, arena_copy(db->a, c.client_id), secret);
	ret->version = c.params.version;
	ret->created_at = c.created_us;
	ret->expires_at = c.expires_us;
	crypto_wipe(secret, sizeof secret);
	return ERR_OK;
}

enum err operator_secret_read(struct operator_db *db, const struct master_ring *ring, const struct client *client,
			      struct client_secret *ret)
{
	struct task task = task_of(db, ring, client);
	enum err err = operator_transaction(db, read_body, &task);
	if (err == ERR_OK)
		err = outcome(db, "read_secret", pg_str(task.row, 0, 0), client);
	if (err == ERR_OK)
		err = derive_again(db, &task, ret);
	PQclear(task.row);
	return err;
}

static enum err rotate_begin_body(struct operator_db *db, void *arg)
{
	struct task *task = arg;
	struct pg_params p;
	pg_params_init(&p, db->a);
	credential_put_rotate_begin(&p, &task->bearer, &task->origin, &task->rotation, task->ring);
	return operator_exec(db, sql_rotate_begin, &p, &task->row);
}

static enum err rotate_body(struct operator_db *db, void *arg)
{
	struct task *task = arg;
	struct pg_params p;
	pg_params_init(&p, db->a);
	credential_put_rotate(&p, &task->bearer, &task->origin, &task->rotation, &task->fresh);
	return operator_exec(db, sql_rotate, &p, &task->row);
}

static enum err run(struct operator_db *db, operator_body *body, struct task *task)
{
	PQclear(task->row);
	task->row = NULL;
	return operator_transaction(db, body, task);
}

/* The successor of the version that the row names. */
static enum err make_next(struct operator_db *db, struct task *task, char secret[SECRET_LEN])
{
	struct secret_params params = {
		.organization_id = task->client->organization_id,
		.client_id = task->client->client_id,
		.version = pg_int4(task->row, 0, 3) + 1,
	};
	task->fresh = (struct credential_new){.client_id = params.client_id, .replaces = params.version - 1};
	enum err err = credential_make(&task->ring->keys[0], &params, &task->fresh.kept, secret);
	return err == ERR_OK ? ERR_OK : not_made(db, err);
}

/* One try: read the version, make its successor, compare and set. ERR_CONFLICT: someone else
 * rotated in between. */
static enum err rotate_once(struct operator_db *db, struct task *task, char secret[SECRET_LEN])
{
	enum err err = run(db, rotate_begin_body, task);
	if (err == ERR_OK)
		err = outcome(db, "rotate_secret", pg_str(task->row, 0, 0), task->client);
	if (err == ERR_OK)
		err = make_next(db, task, secret);
	if (err == ERR_OK)
		err = run(db, rotate_body, task);
	if (err != ERR_OK)
		return err;
	if (str_eq(pg_str(task->row, 0, 0), STR("conflict")))
		return operator_fail(db, ERR_CONFLICT, "other rotations of this client won the race %d times; try again", ROTATE_TRIES);
	return outcome(db, "rotate_secret", pg_str(task->row, 0, 0), task->client);
}

static struct client_secret rotated(struct operator_db *db, const struct task *task, const char secret[SECRET_LEN])
{
	struct credential c = {.replay = false};
	struct client_secret s = told(db, task->client->client_id, secret);
	credential_take_rotated(&c, task->row);
	s.version = task->fresh.replaces + 1;
	s.created_at = c.created_us;
	s.expires_at = c.expires_us;
	s.previous_unused_for = task->rotation.unused_for;
	s.previous_expires_at = c.previous_expires_us == INT64_MIN ? 0 : c.previous_expires_us;
	return s;
}

enum err operator_secret_rotate(struct operator_db *db, const struct master_ring *ring, const struct client *client,
				const struct secret_rotation *rotation, struct client_secret *ret)
{
	char secret[SECRET_LEN];
	struct task task = task_of(db, ring, client);
	task.rotation.grace_seconds = rotation->grace_seconds;
	task.rotation.revoke_tokens = rotation->revoke_tokens;
	task.rotation.end = rotation->end;
	task.rotation.unused_for = rotation->unused_for;
	unsigned new_keys = 0;
	/* no secret under a key that the gateways don't mean by this name */
	enum err err = operator_key_register(db, ring, &new_keys);
	if (err != ERR_OK)
		return err;

	err = ERR_CONFLICT;
	for (int i = 0; err == ERR_CONFLICT && i < ROTATE_TRIES; i++)
		err = rotate_once(db, &task, secret);
	if (err == ERR_OK)
		*ret = rotated(db, &task, secret);
	PQclear(task.row);
	crypto_wipe(secret, sizeof secret);
	return err;
}
