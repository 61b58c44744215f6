/* Making, reading and rotating secrets. Reading and rotating go through the gateway's own statements (credential_sql.h) with an operator as
 * the bearer, so that m2mctl can't come to another answer than the gateway. */
#include "crypto/digest.h"
#include "store/credential_sql.h"
#include "store/ctl_client.h"
#include "store/ctl_credential.h"
#include "store/ctl_exec.h"
#include "store/ctl_key.h"

#define ROTATE_TRIES 10

enum err ctl_credential_make(struct ctl_db *db, const struct master_key *key, const struct uuid *organization_id, struct str client_id,
			     int32_t version, struct ctl_credential *ret)
{
	struct secret_params params = {.organization_id = *organization_id, .client_id = client_id, .version = version};
	enum err err = crypto_random(params.salt, sizeof params.salt);
	if (err == ERR_OK)
		err = secret_derive(key, &params, ret->secret);
	if (err == ERR_OK)
		err = secret_verifier(key, client_id, str_from(ret->secret, SECRET_LEN), ret->verifier);
	if (err != ERR_OK)
		return ctl_fail(db, err, "the secret could not be made: %s", err_info(err)->text);
	memcpy(ret->salt, params.salt, sizeof ret->salt);
	secret_hint(ret->secret, ret->hint);
	return ERR_OK;
}

enum err ctl_credential_first(struct ctl_db *db, const struct master_ring *ring, const struct uuid *organization_id,
			      struct ctl_credential *ret, struct credential_new *ret_fresh)
{
	const struct master_key *key = &ring->keys[0];
	char client_id[CLIENT_ID_LEN];
	unsigned new_keys = 0;
	enum err err = ctl_key_register(db, ring, &new_keys); /* no secret under a key that the gateways don't mean by this name */
	if (err != ERR_OK)
		return err;
	err = client_id_make(client_id);
	if (err != ERR_OK)
		return ctl_fail(db, err, "%s", err_info(err)->text);
	struct str id = arena_copy(db->a, str_from(client_id, sizeof client_id));
	err = ctl_credential_make(db, key, organization_id, id, 1, ret);
	if (err != ERR_OK)
		return err;
	*ret_fresh = (struct credential_new){.client_id = id, .key_id = str_of(key->key_id)};
	memcpy(ret_fresh->salt, ret->salt, sizeof ret->salt);
	memcpy(ret_fresh->verifier, ret->verifier, sizeof ret->verifier);
	memcpy(ret_fresh->hint, ret->hint, sizeof ret->hint);
	return ERR_OK;
}

struct client_secret ctl_credential_told(struct ctl_db *db, const struct credential_new *fresh, const struct ctl_credential *made,
					 int64_t created_at)
{
	return (struct client_secret){
		.client_id = fresh->client_id,
		.secret = arena_copy(db->a, str_from(made->secret, SECRET_LEN)),
		.hint = arena_copy(db->a, str_from(made->hint, SECRET_HINT_LEN)),
		.version = 1,
		.created_at = created_at,
	};
}

static void put_ring(struct pg_params *p, const struct master_ring *ring)
{
	struct str ids[MASTER_RING_MAX];
	for (unsigned i = 0; i < ring->n; i++)
		ids[i] = str_of(ring->keys[i].key_id);
	pg_put_array(p, PG_TEXT, ids, ring->n);
}

/* The words of credential_sql.h's outcomes. A bearer whose organization is disabled gets no row there, since the gateway counts it among the denied ones; an operator's act does. */
static enum err outcome(struct ctl_db *db, const char *action, struct str word, const struct client *client)
{
	if (str_eq(word, STR("granted")))
		return ERR_OK;
	if (str_eq(word, STR("invalid_token")))
		return ctl_refuse(db, ctl_fail(db, ERR_NOT_FOUND, "the organization %.*s is disabled", STR_ARG(client->organization)),
				  &(struct ctl_act){.action = action,
						    .outcome = "organization_disabled",
						    .organization_id = &client->organization_id,
						    .client_id = client->client_id});
	if (str_eq(word, STR("client_not_found")))
		return ctl_fail(db, ERR_NOT_FOUND, "the client %.*s is disabled", STR_ARG(client->client_id));
	if (str_eq(word, STR("key_missing")))
		return ctl_fail(db, ERR_KEY_MISSING, "the secret was made with a master key that is not in M2M_MASTER_KEYS");
	return ctl_fail(db, ERR_INTERNAL, "refused: %.*s", STR_ARG(word));
}

struct task {
	const struct master_ring *ring;
	const struct client *client;
	int32_t grace_seconds;
	struct ctl_credential *made; /* for a rotation's second statement */
	int32_t version;             /* read, and then to be replaced */
	PGresult *row;               /* the statement's one row */
};

/* A refusal is an answer too: its audit row must commit, so the bodies succeed and the outcome is looked at afterwards. */
static enum err read_body(struct ctl_db *db, void *arg)
{
	struct task *task = arg;
	struct pg_params p;
	pg_params_init(&p, db->a);
	ctl_put_operator(db, &p, &task->client->organization_id);
	pg_put_text(&p, task->client->client_id);
	put_ring(&p, task->ring);
	ctl_put_no_proof(&p);
	return ctl_exec(db, SQL_READ_SECRET, &p, &task->row);
}

static enum err derive_again(struct ctl_db *db, const struct task *task, struct client_secret *ret)
{
	const PGresult *row = task->row;
	const struct master_key *key = master_ring_find(task->ring, pg_str(row, 0, 4));
	struct secret_params params = {
		.organization_id = pg_uuid(row, 0, 2), .client_id = pg_str(row, 0, 1), .version = pg_int4(row, 0, 3)};
	struct str salt = pg_str(row, 0, 5);
	struct str stored = pg_str(row, 0, 6);
	uint8_t verifier[SHA256_LEN];
	char secret[SECRET_LEN];
	char hint[SECRET_HINT_LEN];

	if (key == NULL || salt.n != sizeof params.salt || stored.n != sizeof verifier)
		return ctl_fail(db, ERR_INTERNAL, "the row of the secret is damaged");
	memcpy(params.salt, salt.p, sizeof params.salt);
	enum err err = secret_derive(key, &params, secret);
	if (err == ERR_OK)
		err = secret_verifier(key, params.client_id, str_from(secret, sizeof secret), verifier);
	if (err == ERR_OK && !crypto_equal(verifier, stored.p, sizeof verifier))
		err = ERR_MISMATCH;
	if (err == ERR_OK) {
		secret_hint(secret, hint);
		*ret = (struct client_secret){
			.client_id = ctl_copy(db, row, 0, 1),
			.secret = arena_copy(db->a, str_from(secret, sizeof secret)),
			.hint = arena_copy(db->a, str_from(hint, sizeof hint)),
			.version = params.version,
			.created_at = pg_time_us(row, 0, 7),
		};
	}
	crypto_wipe(secret, sizeof secret);
	if (err == ERR_MISMATCH)
		return ctl_fail(db, err,
				"the derived secret doesn't match the stored verifier: the master key \"%s\" or the row was changed",
				key->key_id);
	return err == ERR_OK ? ERR_OK : ctl_fail(db, err, "the secret could not be derived: %s", err_info(err)->text);
}

enum err ctl_secret_read(struct ctl_db *db, const struct master_ring *ring, const struct client *client, struct client_secret *ret)
{
	struct task task = {.ring = ring, .client = client};
	enum err err = ctl_transaction(db, read_body, &task);
	if (err == ERR_OK)
		err = outcome(db, "read_secret", pg_str(task.row, 0, 0), client);
	if (err == ERR_OK)
		err = derive_again(db, &task, ret);
	PQclear(task.row);
	return err;
}

static enum err rotate_begin_body(struct ctl_db *db, void *arg)
{
	struct task *task = arg;
	struct pg_params p;
	pg_params_init(&p, db->a);
	ctl_put_operator(db, &p, &task->client->organization_id);
	pg_put_text(&p, task->client->client_id);
	put_ring(&p, task->ring);
	pg_put_text(&p, STR_NONE); /* an operator repeats by hand: no idempotency key */
	pg_put_bytea(&p, STR("")); /* hash of the request, of use with that key only */
	pg_put_bytea(&p, STR_NONE);
	ctl_put_no_proof(&p);
	return ctl_exec(db, SQL_ROTATE_BEGIN, &p, &task->row);
}

static enum err rotate_body(struct ctl_db *db, void *arg)
{
	struct task *task = arg;
	const struct ctl_credential *made = task->made;
	struct pg_params p;
	pg_params_init(&p, db->a);
	ctl_put_operator(db, &p, &task->client->organization_id);
	pg_put_text(&p, task->client->client_id);
	pg_put_int4(&p, task->version);
	pg_put_text(&p, str_of(task->ring->keys[0].key_id));
	pg_put_bytea(&p, str_from(made->salt, sizeof made->salt));
	pg_put_bytea(&p, str_from(made->verifier, sizeof made->verifier));
	pg_put_text(&p, str_from(made->hint, sizeof made->hint));
	pg_put_int4(&p, task->grace_seconds);
	pg_put_text(&p, STR_NONE);
	pg_put_bytea(&p, STR(""));
	pg_put_bytea(&p, STR_NONE);
	ctl_put_no_proof(&p);
	return ctl_exec(db, SQL_ROTATE, &p, &task->row);
}

static enum err run(struct ctl_db *db, ctl_body *body, struct task *task)
{
	PQclear(task->row);
	task->row = NULL;
	return ctl_transaction(db, body, task);
}

/* One try: read the version, make its successor, compare and set. ERR_CONFLICT: someone else rotated in between. */
static enum err rotate_once(struct ctl_db *db, struct task *task, struct client_secret *ret)
{
	enum err err = run(db, rotate_begin_body, task);
	if (err == ERR_OK)
		err = outcome(db, "rotate_secret", pg_str(task->row, 0, 0), task->client);
	if (err != ERR_OK)
		return err;
	task->version = pg_int4(task->row, 0, 3);
	err = ctl_credential_make(db, &task->ring->keys[0], &task->client->organization_id, task->client->client_id, task->version + 1,
				  task->made);
	if (err == ERR_OK)
		err = run(db, rotate_body, task);
	if (err != ERR_OK)
		return err;
	if (str_eq(pg_str(task->row, 0, 0), STR("conflict")))
		return ctl_fail(db, ERR_CONFLICT, "other rotations of this client won the race %d times; try again", ROTATE_TRIES);
	err = outcome(db, "rotate_secret", pg_str(task->row, 0, 0), task->client);
	if (err != ERR_OK)
		return err;

	int64_t previous = pg_time_us(task->row, 0, 2);
	*ret = (struct client_secret){
		.client_id = task->client->client_id,
		.secret = arena_copy(db->a, str_from(task->made->secret, SECRET_LEN)),
		.hint = arena_copy(db->a, str_from(task->made->hint, SECRET_HINT_LEN)),
		.version = task->version + 1,
		.created_at = pg_time_us(task->row, 0, 1),
		.previous_expires_at = previous == INT64_MIN ? 0 : previous,
	};
	return ERR_OK;
}

enum err ctl_secret_rotate(struct ctl_db *db, const struct master_ring *ring, const struct client *client, int32_t grace_seconds,
			   struct client_secret *ret)
{
	struct ctl_credential made;
	struct task task = {.ring = ring, .client = client, .grace_seconds = grace_seconds, .made = &made};
	unsigned new_keys = 0;
	enum err err = ctl_key_register(db, ring, &new_keys); /* no secret under a key that the gateways don't mean by this name */
	if (err != ERR_OK)
		return err;

	err = ERR_CONFLICT;
	for (int i = 0; err == ERR_CONFLICT && i < ROTATE_TRIES; i++)
		err = rotate_once(db, &task, ret);
	PQclear(task.row);
	crypto_wipe(&made, sizeof made);
	return err;
}
