/* The serving connection's statements about credentials: parameters out, one row back, the callback. */
#include "store/credential.h"

#include <stdlib.h>
#include <string.h>

#include "store/credential_sql.h"
#include "store/outcome.h"
#include "store/store_parts.h"

typedef void take_row(struct credential *c, const PGresult *r);

struct call {
	struct store *s;
	take_row *take;
	bool writes;
	credential_done *done;
	void *arg;
};

static void answered(void *arg, enum err err, const PGresult *r)
{
	struct call call = *(struct call *)arg;
	free(arg);
	if (call.writes)
		store_note_write(call.s, err);
	if (err == ERR_OK)
		err = PQntuples(r) == 1 ? outcome_err(pg_str(r, 0, 0)) : ERR_INTERNAL;
	else if (err != ERR_STORE_UNAVAILABLE)
		err = ERR_INTERNAL;
	if (err != ERR_OK) {
		call.done(call.arg, err, NULL);
		return;
	}
	struct credential c = {.replay = str_eq(pg_str(r, 0, 0), STR("replay"))};
	call.take(&c, r);
	call.done(call.arg, ERR_OK, &c);
}

static enum err submit(struct store *s, const char *statement, const struct pg_params *p, struct call call)
{
	call.s = s;
	return store_ask(s, statement, p, answered, &call, sizeof call);
}

static void take_client_id(struct credential *c, const PGresult *r)
{
	c->client_id = pg_str(r, 0, 1);
}

/* The columns that SQL_READ_SECRET and SQL_ROTATE_BEGIN have in common. */
static void take_version(struct credential *c, const PGresult *r)
{
	c->client_id = pg_str(r, 0, 1);
	c->params.client_id = c->client_id;
	c->params.organization_id = pg_uuid(r, 0, 2);
	c->params.version = pg_int4(r, 0, 3);
	c->key_id = pg_str(r, 0, 4);
	struct str salt = pg_str(r, 0, 5);
	if (salt.n == sizeof c->params.salt)
		memcpy(c->params.salt, salt.p, sizeof c->params.salt);
	c->verifier = pg_str(r, 0, 6);
	c->created_us = pg_time_us(r, 0, 7);
}

static void take_begin(struct credential *c, const PGresult *r)
{
	take_version(c, r);
	c->previous_expires_us = pg_time_us(r, 0, 8);
}

static void take_rotated(struct credential *c, const PGresult *r)
{
	c->created_us = pg_time_us(r, 0, 1);
	c->previous_expires_us = pg_time_us(r, 0, 2);
}

enum err credential_read_client_id(struct store *s, const struct store_bearer *bearer, credential_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	store_put_bearer(&p, bearer);
	store_put_bearer_proof(&p, bearer);
	return submit(s, STMT_READ_CLIENT_ID, &p, (struct call){.take = take_client_id, .done = done, .arg = arg});
}

enum err credential_read_secret(struct store *s, const struct store_bearer *bearer, const struct store_origin *origin, struct str client_id,
				credential_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	store_put_bearer(&p, bearer);
	store_put_origin(&p, origin);
	pg_put_text(&p, client_id);
	store_put_ring(s, &p);
	store_put_bearer_proof(&p, bearer);
	return submit(s, STMT_READ_SECRET, &p, (struct call){.take = take_version, .writes = true, .done = done, .arg = arg});
}

enum err credential_rotate_begin(struct store *s, const struct store_bearer *bearer, const struct store_origin *origin,
				 const struct credential_rotation *rotation, credential_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	store_put_bearer(&p, bearer);
	store_put_origin(&p, origin);
	pg_put_text(&p, rotation->client_id);
	store_put_ring(s, &p);
	pg_put_text(&p, rotation->idempotency_key);
	pg_put_bytea(&p, str_from(rotation->request_hash, SHA256_LEN));
	pg_put_bytea(&p, str_from(rotation->bearer_hash, SHA256_LEN));
	store_put_bearer_proof(&p, bearer);
	return submit(s, STMT_ROTATE_BEGIN, &p, (struct call){.take = take_begin, .writes = true, .done = done, .arg = arg});
}

enum err credential_rotate(struct store *s, const struct store_bearer *bearer, const struct store_origin *origin,
			   const struct credential_rotation *rotation, const struct credential_new *fresh, credential_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	store_put_bearer(&p, bearer);
	store_put_origin(&p, origin);
	pg_put_text(&p, fresh->client_id);
	pg_put_int4(&p, fresh->replaces);
	pg_put_text(&p, fresh->key_id);
	pg_put_bytea(&p, str_from(fresh->salt, sizeof fresh->salt));
	pg_put_bytea(&p, str_from(fresh->verifier, sizeof fresh->verifier));
	pg_put_text(&p, str_from(fresh->hint, sizeof fresh->hint));
	pg_put_int4(&p, rotation->grace_seconds);
	pg_put_text(&p, rotation->idempotency_key);
	pg_put_bytea(&p, str_from(rotation->request_hash, SHA256_LEN));
	pg_put_bytea(&p, str_from(rotation->bearer_hash, SHA256_LEN));
	store_put_bearer_proof(&p, bearer);
	return submit(s, STMT_ROTATE, &p, (struct call){.take = take_rotated, .writes = true, .done = done, .arg = arg});
}
