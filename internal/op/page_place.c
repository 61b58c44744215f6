#include "op/page_place.h"

#include <endian.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/sbuf.h"
#include "crypto/digest.h"

#define PAGE_DEFAULT 50

struct page_token {
	uint8_t at[8];
	uint8_t id[16];
	uint8_t list[8];
};
_Static_assert(sizeof(struct page_token) == 32, "bytes only");

/* What the list is of, in eight bytes. */
static enum err name_list(struct str list, uint8_t out[8])
{
	uint8_t hash[SHA256_LEN];
	enum err err = list.p == NULL ? ERR_NO_MEMORY : sha256(list.p, list.n, hash);
	if (err == ERR_OK)
		memcpy(out, hash, 8);
	return err;
}

enum op_verdict op_read_place(struct op *op, struct str list, struct page_place *ret)
{
	struct page_token token;
	uint8_t name[8];
	uint64_t at;
	size_t n = 0;
	enum err err = name_list(list, name);
	if (err != ERR_OK)
		return op_fail(op, err, NULL);
	if (base64url_decode(op->in.page_token, &token, sizeof token, &n) != ERR_OK || n != sizeof token)
		return op_fail(op, ERR_INVALID_REQUEST, "page_token must be the next_page_token of an earlier page.");
	if (memcmp(token.list, name, sizeof name) != 0)
		return op_fail(op, ERR_INVALID_REQUEST, "page_token is of a list with other parameters.");
	memcpy(&at, token.at, sizeof at);
	ret->at = (int64_t)be64toh(at);
	if (ret->at < 0 || ret->at > CLOCK_LATEST_US)
		return op_fail(op, ERR_INVALID_REQUEST, "page_token must be the next_page_token of an earlier page.");
	memcpy(ret->id.b, token.id, sizeof token.id);
	return OP_MORE;
}

enum err op_put_place(struct op *op, struct str list, struct page_place place)
{
	struct page_token token;
	uint64_t at = htobe64((uint64_t)place.at);
	struct sbuf out = sbuf_in(op->arena, BASE64URL_LEN(sizeof token) + 1);
	memcpy(token.at, &at, sizeof at);
	memcpy(token.id, place.id.b, sizeof token.id);
	enum err err = name_list(list, token.list);
	sbuf_put_base64url(&out, str_from(&token, sizeof token));
	op->out.next_page_token = sbuf_str(&out);
	return err;
}

bool op_read_page_size(struct op *op)
{
	if (op->in.page_size == 0)
		op->in.page_size = PAGE_DEFAULT;
	return op->in.page_size >= 1 && op->in.page_size <= TOKEN_PAGE_MAX;
}
