/* Whatever bytes stand where a client assertion should: nothing that isn't one is granted, and
 * what is granted keeps every promise of client_assertion.h. The first byte chooses what the rest
 * is: a whole token, claims, or a key that an admin pastes. */
#include <stdint.h>
#include <stdlib.h>

#include "base/sbuf.h"
#include "crypto/client_key.h"
#include "crypto/secret.h"
#include "crypto/used_once.h"
#include "op/client_assertion.h"
#include "json/json_read.h"

#define NOW 2000000000

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check(const struct jwt *jwt)
{
	static const struct client_assertion_rules rules = {
		.issuer = {"i", 1}, .now_us = NOW * INT64_C(1000000), .max_lifetime_s = 300, .leeway_s = 30};
	struct client_assertion made = {.jti = STR_NONE};
	struct str client_id = STR_NONE;
	const char *why = NULL;

	if (client_assertion_subject(jwt, false, &client_id) == ERR_OK)
		must(client_id_well_formed(client_id));
	if (client_assertion_check(jwt, &rules, &made, &why) != ERR_OK) {
		must(why != NULL && made.jti.p == NULL);
		return;
	}
	must(why == NULL && jwt->alg != JWT_RS256 && made.jti.n >= 1 && made.jti.n <= JTI_MAX);
	must(made.expires_at > NOW - 30 && made.expires_at <= NOW + 330 && made.refused_from == made.expires_at + 30);
	must(json_get(jwt->claims_json, "aud")->type == JSON_STRING);
}

static void try_token(struct arena *a, struct str token)
{
	struct jwt jwt;

	if (client_assertion_parse(a, token, &jwt) == ERR_OK) {
		must(jwt.jwk == NULL && !(jwt.typ.p != NULL && str_eq_nocase(jwt.typ, STR("at+jwt"))));
		check(&jwt);
	}
}

static void try_claims(struct arena *a, struct str claims)
{
	struct sbuf out = sbuf_in(a, 1024);

	sbuf_put_base64url(&out, STR("{\"alg\":\"ES256\"}"));
	sbuf_putc(&out, '.');
	sbuf_put_base64url(&out, claims);
	sbuf_putz(&out, ".AA");
	if (!out.overflow)
		try_token(a, sbuf_str(&out));
}

/* What is stored of a key reads as the same key again. */
static void try_key(struct arena *a, struct str text)
{
	struct client_key key, again;
	const char *why = NULL;
	enum err err = client_key_read(a, text, &key, &why);

	must(err == ERR_OK || err == ERR_NO_MEMORY || (err == ERR_MALFORMED && why != NULL));
	if (err != ERR_OK)
		return;
	must(client_key_read(a, key.jwk, &again, &why) == ERR_OK && str_eq(key.jwk, again.jwk));
	must(crypto_equal(key.thumbprint, again.thumbprint, SHA256_LEN));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;

	if (!ready)
		must(crypto_init() == ERR_OK);
	ready = true;
	if (size == 0)
		return 0;
	struct arena *a = arena_new(262144);
	must(a != NULL);
	struct str rest = str_from(data + 1, size - 1);
	switch (data[0] % 3) {
	case 0:
		try_token(a, rest);
		break;
	case 1:
		try_claims(a, rest);
		break;
	default:
		try_key(a, rest);
	}
	arena_free(a);
	return 0;
}
