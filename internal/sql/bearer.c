#include "sql/bearer.h"

void bearer_put(struct pg_params *p, const struct bearer *b)
{
	bool operator_token = b->client_id.p == NULL;
	pg_put_text(p, b->client_id);
	pg_put_int4_or_null(p, b->secret_version, operator_token);
	pg_put_uuid(p, operator_token ? &b->organization_id : NULL);
	pg_put_bool(p, operator_token && b->admin);
}

void bearer_put_proof(struct pg_params *p, const struct bearer *b)
{
	pg_put_bytea(p, b->secret_tag);
	pg_put_int8(p, b->issued_at);
	pg_put_text(p, b->remote_addr);
	pg_put_bool(p, b->anywhere);
	pg_put_raw(p, PG_UUID, b->jti);
	bearer_put_session(p, b);
}

void bearer_put_session(struct pg_params *p, const struct bearer *b)
{
	pg_put_bytea(p, b == NULL ? STR_NONE : b->session);
	pg_put_text(p, b == NULL ? STR_NONE : b->session_right);
}

void master_ring_put(struct pg_params *p, const struct master_ring *ring)
{
	struct str ids[MASTER_RING_MAX];
	for (unsigned i = 0; i < ring->n; i++)
		ids[i] = str_of(ring->keys[i].key_id);
	pg_put_array(p, PG_TEXT, ids, ring->n);
}
