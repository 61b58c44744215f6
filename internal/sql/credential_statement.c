#include "sql/credential_statement.h"

#include <string.h>

#include "sql/pg_value.h"

static void put_caller(struct pg_params *p, const struct bearer *bearer, const struct origin *origin)
{
	bearer_put(p, bearer);
	origin_put(p, origin);
}

void credential_put_kept(struct pg_params *p, const struct credential_kept *kept)
{
	pg_put_text(p, kept->key_id);
	pg_put_bytea(p, str_from(kept->salt, sizeof kept->salt));
	pg_put_bytea(p, str_from(kept->verifier, sizeof kept->verifier));
	pg_put_text(p, str_from(kept->hint, sizeof kept->hint));
}

void credential_put_end(struct pg_params *p, const struct secret_end *end)
{
	pg_put_int4_or_null(p, end->in, end->in == 0);
	pg_put_time(p, end->at);
}

void credential_put_read(struct pg_params *p, const struct bearer *bearer, const struct origin *origin, struct str client_id,
			 const struct master_ring *ring)
{
	put_caller(p, bearer, origin);
	pg_put_text(p, client_id);
	master_ring_put(p, ring);
	bearer_put_proof(p, bearer);
}

void credential_put_rotate_begin(struct pg_params *p, const struct bearer *bearer, const struct origin *origin,
				 const struct credential_rotation *rotation, const struct master_ring *ring)
{
	put_caller(p, bearer, origin);
	pg_put_text(p, rotation->client_id);
	master_ring_put(p, ring);
	pg_put_text(p, rotation->idempotency_key);
	pg_put_bytea(p, str_from(rotation->request_hash, SHA256_LEN));
	pg_put_bytea(p, str_from(rotation->bearer_hash, SHA256_LEN));
	bearer_put_proof(p, bearer);
}

void credential_put_rotate(struct pg_params *p, const struct bearer *bearer, const struct origin *origin,
			   const struct credential_rotation *rotation, const struct credential_new *fresh)
{
	put_caller(p, bearer, origin);
	pg_put_text(p, fresh->client_id);
	pg_put_int4(p, fresh->replaces);
	credential_put_kept(p, &fresh->kept);
	pg_put_int4(p, rotation->grace_seconds);
	pg_put_text(p, rotation->idempotency_key);
	pg_put_bytea(p, str_from(rotation->request_hash, SHA256_LEN));
	pg_put_bytea(p, str_from(rotation->bearer_hash, SHA256_LEN));
	pg_put_bool(p, rotation->revoke_tokens);
	bearer_put_proof(p, bearer);
	credential_put_end(p, &rotation->end);
	pg_put_int4_or_null(p, rotation->unused_for, rotation->unused_for == 0);
}

void credential_take_client_id(struct credential *c, const PGresult *r)
{
	c->client_id = pg_str(r, 0, 1);
}

static void take_version(struct credential *c, const PGresult *r)
{
	struct str salt = pg_str(r, 0, 5);
	credential_take_client_id(c, r);
	c->params.client_id = c->client_id;
	c->params.organization_id = pg_uuid(r, 0, 2);
	c->params.version = pg_int4(r, 0, 3);
	c->key_id = pg_str(r, 0, 4);
	if (salt.n == sizeof c->params.salt)
		memcpy(c->params.salt, salt.p, sizeof c->params.salt);
	c->verifier = pg_str(r, 0, 6);
	c->created_us = pg_time_us(r, 0, 7);
}

void credential_take_secret(struct credential *c, const PGresult *r)
{
	take_version(c, r);
	c->expires_us = pg_time_us(r, 0, 8);
}

void credential_take_rotate_begin(struct credential *c, const PGresult *r)
{
	take_version(c, r);
	c->previous_expires_us = pg_time_us(r, 0, 8);
	c->expires_us = pg_time_us(r, 0, 9);
	c->replay = str_eq(pg_str(r, 0, 0), STR("replay"));
}

void credential_take_rotated(struct credential *c, const PGresult *r)
{
	c->created_us = pg_time_us(r, 0, 1);
	c->previous_expires_us = pg_time_us(r, 0, 2);
	c->expires_us = pg_time_us(r, 0, 3);
}
