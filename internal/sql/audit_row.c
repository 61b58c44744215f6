#include "sql/audit_row.h"

#include <arpa/inet.h>
#include <endian.h>

#include "sql/copy_tuple.h"
#include "sql/pg_value.h"

#define FIELDS_V1 16
#define FIELDS    19
/* Of the fields that every row has: number of fields, then each behind its length of four bytes. */
#define ISSUED_AT_AT 6
#define JTI_AT       (ISSUED_AT_AT + 8 + 4 + 8 + 4)

static void put_length(struct sbuf *out, uint32_t n)
{
	uint32_t wire = htonl(n);
	sbuf_put(out, str_from(&wire, sizeof wire));
}

static void put_field(struct sbuf *out, struct str s)
{
	put_length(out, s.p == NULL ? UINT32_MAX : (uint32_t)s.n);
	sbuf_put(out, s);
}

static void put_time(struct sbuf *out, int64_t us)
{
	uint64_t wire = htobe64((uint64_t)(us - UNIX_TO_PG_EPOCH_US));
	put_field(out, str_from(&wire, sizeof wire));
}

static void put_version(struct sbuf *out, int32_t version)
{
	uint32_t wire = htonl((uint32_t)version);
	put_field(out, version == 0 ? STR_NONE : str_from(&wire, sizeof wire));
}

static void put_uuid(struct sbuf *out, const struct uuid *u)
{
	put_field(out, u == NULL ? STR_NONE : str_from(u->b, sizeof u->b));
}

/* Family, prefix length, no network, length of the address, the address (inet_send in
 * PostgreSQL's network.c; its family of IPv6 is AF_INET + 1). */
static bool put_address(struct sbuf *out, struct str text)
{
	char zero_ended[INET6_ADDRSTRLEN];
	uint8_t wire[4 + 16] = {AF_INET, 32, 0, 4};

	if (text.p == NULL) {
		put_field(out, STR_NONE);
		return true;
	}
	if (text.n >= sizeof zero_ended)
		return false;
	memcpy(zero_ended, text.p, text.n);
	zero_ended[text.n] = '\0';
	if (inet_pton(AF_INET, zero_ended, wire + 4) != 1) {
		if (inet_pton(AF_INET6, zero_ended, wire + 4) != 1)
			return false;
		wire[0] = AF_INET + 1;
		wire[1] = 128;
		wire[3] = 16;
	}
	put_field(out, str_from(wire, 4U + wire[3]));
	return true;
}

bool audit_row_write(const struct audit_row *row, struct sbuf *out)
{
	uint16_t fields = htons(FIELDS);
	sbuf_put(out, str_from(&fields, sizeof fields));
	put_time(out, row->issued_at);
	put_time(out, row->expires_at);
	put_uuid(out, &row->jti);
	put_uuid(out, row->organization_id);
	put_uuid(out, &row->request_id);
	put_uuid(out, &row->batch_id);
	put_version(out, row->secret_version);
	put_field(out, str_from(&row->transport, 1));
	put_field(out, row->client_id);
	put_field(out, row->kid);
	put_field(out, row->caller);
	put_field(out, row->scope);
	put_field(out, row->audience);
	bool address_ok = put_address(out, row->remote_addr);
	put_field(out, row->user_agent);
	put_field(out, row->traceparent);
	put_field(out, row->auth_method == '\0' ? STR_NONE : str_from(&row->auth_method, 1));
	put_field(out, row->credential);
	put_field(out, row->bound_to);
	return address_ok && !out->overflow;
}

enum err audit_row_read(struct str tuple, int64_t *ret_issued_at, struct uuid *ret_jti, struct uuid *ret_batch_id)
{
	size_t at = JTI_AT + 16;
	uint64_t wire;
	struct str field;

	if (tuple.n < at || tuple.p[0] != 0 || (tuple.p[1] != FIELDS && tuple.p[1] != FIELDS_V1))
		return ERR_MALFORMED;
	memcpy(&wire, tuple.p + ISSUED_AT_AT, sizeof wire);
	memcpy(ret_jti->b, tuple.p + JTI_AT, sizeof ret_jti->b);
	for (int skip = 0; skip < 3; skip++) { /* organization and request, then the batch */
		enum err err = copy_next_field(tuple, &at, &field);
		if (err != ERR_OK)
			return err;
	}
	if (field.n != sizeof ret_batch_id->b)
		return ERR_MALFORMED;
	memcpy(ret_batch_id->b, field.p, sizeof ret_batch_id->b);
	*ret_issued_at = (int64_t)be64toh(wire) + UNIX_TO_PG_EPOCH_US;
	return ERR_OK;
}

/* Whether the fields from FIELDS_V1 on are null: each is its length alone then, -1. */
static bool later_are_null(struct str tuple)
{
	size_t at = 2;
	struct str field = STR("");
	for (int i = 0; i < FIELDS_V1; i++)
		if (copy_next_field(tuple, &at, &field) != ERR_OK)
			return false;
	for (int i = FIELDS_V1; i < FIELDS; i++)
		if (copy_next_field(tuple, &at, &field) != ERR_OK || field.p != NULL)
			return false;
	return at == tuple.n;
}

void audit_row_sealed(struct str tuple, int version, struct str ret[2])
{
	static const struct str fields_v1 = STR("\0\x10");
	size_t later = (FIELDS - FIELDS_V1) * sizeof(uint32_t);
	ret[0] = tuple;
	ret[1] = STR("");
	if (version != 1 || tuple.p[1] != FIELDS || !later_are_null(tuple))
		return;
	ret[0] = fields_v1;
	ret[1] = str_from(tuple.p + fields_v1.n, tuple.n - fields_v1.n - later);
}
