#include "crypto/used_once.h"

#include <string.h>

struct length {
	uint8_t bytes[4];
};

static struct str be32(struct length *room, size_t n)
{
	for (unsigned i = 0; i < sizeof room->bytes; i++)
		room->bytes[i] = (uint8_t)(n >> (24 - 8 * i));
	return str_from(room->bytes, sizeof room->bytes);
}

enum err used_once_make(struct hasher *h, enum used_once_kind kind, struct str owner, struct str jti, uint8_t out[USED_ONCE_LEN])
{
	static const char *const kinds[] = {
		[USED_ONCE_CLIENT_ASSERTION] = "client assertion",
		[USED_ONCE_WORKLOAD] = "workload",
		[USED_ONCE_DPOP_PROOF] = "dpop proof",
	};
	uint8_t digest[SHA256_LEN];
	struct length lengths[3];
	struct str name = str_of(kinds[kind]);
	const struct str parts[] = {
		STR("m2m-gateway used once v1"),
		be32(&lengths[0], name.n),
		name,
		be32(&lengths[1], owner.n),
		owner,
		be32(&lengths[2], jti.n),
		jti,
	};

	if (hasher_sha256(h, parts, sizeof parts / sizeof parts[0], digest) != ERR_OK)
		return ERR_CRYPTO;
	memcpy(out, digest, USED_ONCE_LEN);
	return ERR_OK;
}
