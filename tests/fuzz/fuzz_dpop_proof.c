/* Whatever bytes stand where a DPoP proof should, or its claims, its key, its htu or its nonce:
 * nothing breaks, nobody makes a nonce, and what is granted keeps every promise of
 * dpop_proof.h. The first byte chooses which of them the rest is. */
#include <stdint.h>
#include <stdlib.h>

#include "base/uri.h"
#include "crypto/signing_key_parts.h"
#include "crypto/used_once.h"
#include "op/dpop_proof.h"

#define NOW INT64_C(2000000000)

static void must(bool holds)
{
	if (!holds)
		abort();
}

static struct signing_key *key;
static struct dpop_nonces *nonces;

static void prepare(void)
{
	struct master_ring ring;

	if (key != NULL)
		return;
	must(crypto_init() == ERR_OK && signing_key_generate(JWT_EDDSA, &key) == ERR_OK);
	must(master_ring_parse(STR("k1: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"), &ring, NULL) == ERR_OK);
	must(dpop_nonces_new(&ring, 60, &nonces) == ERR_OK);
}

static void try_field(struct arena *a, struct str field, const struct dpop_nonces *wanted)
{
	const struct dpop_rules rules = {.method = STR("POST"),
					 .public_url = STR("https://h/m"),
					 .path = STR("/t"),
					 .now_us = NOW * 1000000,
					 .past_s = 60,
					 .future_s = 10,
					 .nonces = wanted};
	struct dpop_proof made = {.jti = STR_NONE};
	const char *why = NULL;

	enum err err = dpop_proof_check(a, field, &rules, &made, &why);
	if (err == ERR_INVALID_DPOP_PROOF || err == ERR_USE_DPOP_NONCE) {
		must(why != NULL && made.jti.p == NULL && (err != ERR_USE_DPOP_NONCE || wanted != NULL));
		return;
	}
	must(err == ERR_OK && why == NULL && wanted == NULL);
	must(made.jti.n >= 1 && made.jti.n <= JTI_MAX && strlen(made.jkt) == THUMBPRINT_TEXT_LEN);
	must(made.issued_at >= NOW - 60 && made.issued_at <= NOW + 10 && made.refused_from > NOW);
}

/* Signed by our key, with `jwk` or, without one, the key's own. */
static struct str signed_proof(struct arena *a, struct str jwk, struct str claims)
{
	struct sbuf header = sbuf_in(a, 1024), out = sbuf_in(a, 1024);
	uint8_t signature[SIGNATURE_MAX];
	size_t n;

	sbuf_putz(&header, "{\"typ\":\"dpop+jwt\",\"alg\":\"EdDSA\",\"jwk\":");
	sbuf_put(&header, jwk);
	if (jwk.p == NULL)
		must(signing_key_public_jwk(key, &header) == ERR_OK);
	sbuf_putz(&header, "}");
	sbuf_put_base64url(&out, sbuf_str(&header));
	sbuf_putc(&out, '.');
	sbuf_put_base64url(&out, claims);
	must(signing_key_sign(key, sbuf_str(&out), signature, &n) == ERR_OK);
	sbuf_putc(&out, '.');
	sbuf_put_base64url(&out, str_from(signature, n));
	return sbuf_str(&out);
}

/* What is normalized stays as it is. */
static void try_uri(struct str uri)
{
	char once[URI_MAX + 1], twice[URI_MAX + 1];
	struct sbuf first = sbuf_fixed(once, sizeof once), second = sbuf_fixed(twice, sizeof twice);

	if (uri_put_normalized(uri, &first) != ERR_OK)
		return;
	must(first.n <= uri.n + 1);
	must(uri_put_normalized(sbuf_str(&first), &second) == ERR_OK && str_eq(sbuf_str(&first), sbuf_str(&second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	prepare();
	if (size == 0 || size > 8192)
		return 0;
	struct str rest = str_from(data + 1, size - 1);
	struct arena *a = arena_new(262144);
	must(a != NULL);
	switch (data[0] % 6) {
	case 0:
		try_field(a, rest, NULL);
		break;
	case 1:
		try_field(a, signed_proof(a, STR_NONE, rest), NULL);
		break;
	case 2:
		try_field(a, signed_proof(a, rest, STR("{\"htm\":\"POST\",\"htu\":\"https://h/m/t\",\"iat\":2000000000,\"jti\":\"j\"}")),
			  NULL);
		break;
	case 3:
		try_field(a, signed_proof(a, STR_NONE, rest), nonces);
		break;
	case 4:
		try_uri(rest);
		break;
	default:
		must(!dpop_nonce_is_fresh(nonces, NOW * 1000000, rest));
	}
	arena_free(a);
	return 0;
}
