#include "op/revocation_page.h"

#include <endian.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/sbuf.h"
#include "crypto/foreign_secret.h"

struct place {
	char part;
	uint8_t expires_us[8];
	uint8_t id[16];
	uint8_t secret_version[4];
	char client_id[FOREIGN_MAX]; /* as much as there is */
};
#define PLACE_MIN offsetof(struct place, client_id)
_Static_assert(sizeof(struct place) == PLACE_MIN + FOREIGN_MAX && PLACE_MIN == 29, "bytes only");

static bool is_a_place(const struct revocation_place *p)
{
	bool of_many = p->part == 'e' && p->expires_us == 0 && (p->client_id.n == 0 || foreign_well_formed(p->client_id));
	bool single = p->part == 'r' && p->expires_us > 0 && p->expires_us <= CLOCK_LATEST_US && p->client_id.n == 0;
	return p->secret_version >= 0 && (of_many || single);
}

static bool read_place(struct op *op, struct revocation_place *ret)
{
	struct place *place = arena_alloc(op->arena, sizeof *place);
	uint64_t expires_us;
	uint32_t version;
	size_t n = 0;
	if (place == NULL || base64url_decode(op->in.page_token, place, sizeof *place, &n) != ERR_OK || n < PLACE_MIN)
		return false;
	memcpy(&expires_us, place->expires_us, sizeof expires_us);
	memcpy(&version, place->secret_version, sizeof version);
	*ret = (struct revocation_place){
		.part = place->part,
		.client_id = str_from(place->client_id, n - PLACE_MIN),
		.secret_version = (int32_t)be32toh(version),
		.expires_us = (int64_t)be64toh(expires_us),
	};
	memcpy(ret->id.b, place->id, sizeof place->id);
	return is_a_place(ret);
}

enum op_verdict op_read_revocation_page(struct op *op, struct revocation_place *ret_after, int32_t *ret_limit)
{
	*ret_limit = op->in.page_size == 0 ? REVOCATIONS_MAX : op->in.page_size;
	if (*ret_limit < 1 || *ret_limit > REVOCATIONS_MAX)
		return op_fail(op, ERR_INVALID_REQUEST, "page_size must be an integer from 1 to 10000.");
	*ret_after = REVOCATIONS_BEGIN;
	if (op->in.page_token.p != NULL && !read_place(op, ret_after))
		return op_fail(op, ERR_INVALID_REQUEST, "page_token must be the next_page_token of an earlier page of this list.");
	return OP_MORE;
}

struct str op_revocation_page_token(struct arena *a, const struct revocation_place *last)
{
	struct place place = {.part = last->part};
	const uint64_t expires_us = htobe64((uint64_t)last->expires_us);
	const uint32_t version = htobe32((uint32_t)last->secret_version);
	size_t n = last->client_id.n < FOREIGN_MAX ? last->client_id.n : FOREIGN_MAX;
	struct sbuf out = sbuf_in(a, BASE64URL_LEN(sizeof place) + 1);
	memcpy(place.expires_us, &expires_us, sizeof expires_us);
	memcpy(place.id, last->id.b, sizeof place.id);
	memcpy(place.secret_version, &version, sizeof version);
	memcpy(place.client_id, last->client_id.p, n);
	sbuf_put_base64url(&out, str_from(&place, PLACE_MIN + n));
	return sbuf_str(&out);
}
