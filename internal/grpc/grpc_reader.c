/* First the prefix fills, then the message that it announces; a complete message stays until the
 * next call, which begins by dropping it. */
#include "grpc/grpc_reader.h"

#include <stdlib.h>

#include "crypto/digest.h"
#include "grpc/gzip.h"

static bool complete(const struct grpc_reader *r)
{
	return r->message != NULL && r->message_n == r->message_len;
}

/* Messages hold secrets. */
static void drop_message(struct grpc_reader *r)
{
	if (r->message != NULL)
		crypto_wipe(r->message, r->message_n);
	if (r->plain != NULL)
		crypto_wipe(r->plain, GRPC_MESSAGE_MAX);
	free(r->message);
	free(r->plain);
	r->message = r->plain = NULL;
	r->message_n = r->message_len = r->prefix_n = 0;
}

/* Moves bytes from *in behind the *n that `to` has already. True: it has `len` now. */
static bool fill(void *to, size_t *n, size_t len, struct str *in)
{
	size_t take = in->n < len - *n ? in->n : len - *n;
	if (take > 0) {
		memcpy((char *)to + *n, in->p, take);
		*in = str_from(in->p + take, in->n - take);
		*n += take;
	}
	return *n == len;
}

static enum err begin_message(struct grpc_reader *r)
{
	const uint8_t *p = r->prefix;
	size_t len = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
	if (p[0] > 1 || (p[0] == 1 && !r->gzip))
		return ERR_MALFORMED_MESSAGE;
	if (len > GRPC_MESSAGE_MAX)
		return ERR_BODY_TOO_LARGE;
	r->message = malloc(len > 0 ? len : 1); /* an empty message is still a message */
	if (r->message == NULL)
		return ERR_NO_MEMORY;
	r->message_len = len;
	return ERR_OK;
}

static enum err decompress(struct grpc_reader *r, size_t *ret_n)
{
	r->plain = malloc(GRPC_MESSAGE_MAX);
	if (r->plain == NULL)
		return ERR_NO_MEMORY;
	switch (gzip_inflate(str_from(r->message, r->message_n), r->plain, GRPC_MESSAGE_MAX, ret_n)) {
	case ERR_OK:
		return ERR_OK;
	case ERR_TOO_LARGE:
		return ERR_BODY_TOO_LARGE;
	case ERR_NO_MEMORY:
		return ERR_NO_MEMORY;
	default:
		return ERR_MALFORMED_MESSAGE;
	}
}

enum err grpc_reader_take(struct grpc_reader *r, struct str *in, struct str *ret_message)
{
	if (complete(r))
		drop_message(r);

	if (r->message == NULL) {
		if (!fill(r->prefix, &r->prefix_n, GRPC_PREFIX_LEN, in)) {
			*ret_message = STR_NONE;
			return ERR_OK;
		}
		enum err err = begin_message(r);
		if (err != ERR_OK)
			return err;
	}
	if (!fill(r->message, &r->message_n, r->message_len, in)) {
		*ret_message = STR_NONE;
		return ERR_OK;
	}

	struct str message = str_from(r->message, r->message_n);
	bool compressed = r->prefix[0] == 1;
	if (compressed) {
		enum err err = decompress(r, &message.n);
		if (err != ERR_OK)
			return err;
		message.p = r->plain;
	}
	r->compressed = compressed;
	*ret_message = message;
	return ERR_OK;
}

bool grpc_reader_at_boundary(const struct grpc_reader *r)
{
	return r->prefix_n == 0 || complete(r);
}

void grpc_reader_release(struct grpc_reader *r)
{
	drop_message(r);
	*r = (struct grpc_reader){0};
}
