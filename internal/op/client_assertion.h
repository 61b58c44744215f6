/* A client assertion: the JWT that a client signs to say who it is (private_key_jwt; RFC 7521
 * section 4.2, RFC 7523 sections 2.2 and 3, as RFC 10070 updates them).
 *
 * form value -> client_assertion_parse -> client_assertion_subject chooses the client -> a key
 * of that client (signing_key_from_known_jwk with jwt.alg, jwt_verify) -> client_assertion_check ->
 * used_once_make -> the issuing statement, which decides. Nothing here knows whether the client
 * exists, so no sentence tells. */
#ifndef M2M_OP_CLIENT_ASSERTION_H
#define M2M_OP_CLIENT_ASSERTION_H

#include "crypto/jwt.h"

#define CLIENT_ASSERTION_TYPE         "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define CLIENT_ASSERTION_LIFETIME_MAX 300 /* s; the default */
#define CLIENT_ASSERTION_LEEWAY       30  /* s, between the client's clock and ours */

/* jwt_parse_as with typ absent, JWT or client-authentication+jwt, each also behind
 * "application/". ERR_MALFORMED. */
MUST_CHECK enum err client_assertion_parse(struct arena *a, struct str token, struct jwt *ret);

/* Who the assertion says it is of, before its signature is checked: `iss` and `sub`, which are
 * one, and a client id by its form, or, with `foreign`, by that of one that was brought along.
 * *ret_client_id lives as long as `jwt`. ERR_INVALID_CLIENT. */
MUST_CHECK enum err client_assertion_subject(const struct jwt *jwt, bool foreign, struct str *ret_client_id);

struct client_assertion_rules {
	struct str issuer; /* our issuer identifier */
	int64_t now_us;    /* since 1970 */
	int64_t max_lifetime_s;
	int64_t leeway_s;
};

struct client_assertion {
	struct str jti;     /* 1 to JTI_MAX bytes; lives as long as the jwt */
	int64_t expires_at; /* exp in seconds since 1970, rounded down */
	/* The second from which on client_assertion_check refuses it, exp and leeway: used_once has
	 * to remember the jti until then, and a little longer where clocks differ. */
	int64_t refused_from;
	/* A sentence about what FAPI 2.0 Security Profile forbids of it, which matters to clients
	 * of that profile alone: RS256 (section 5.4.1), aud as an array (section 5.3.2.1). NULL:
	 * nothing */
	const char *fapi2_fault;
};

/* Everything that the signature covers, but `iss` and `sub`. The rules:
 *   aud  the issuer and nothing else: a string, or an array of this one string
 *   exp  wanted; less than leeway_s ago; at most max_lifetime_s and leeway_s ahead
 *   nbf, iat  may be left out; at most leeway_s ahead
 *   jti  wanted, 1 to JTI_MAX bytes
 * ERR_INVALID_CLIENT, with a sentence for error_description in *ret_why (static). */
MUST_CHECK enum err client_assertion_check(const struct jwt *jwt, const struct client_assertion_rules *rules, struct client_assertion *ret,
					   const char **ret_why);

#endif
