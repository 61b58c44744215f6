/* A client's side of private_key_jwt: a key of its own, and assertions that it signs. */
#ifndef M2M_TESTS_HARNESS_CLIENT_KEY_H
#define M2M_TESTS_HARNESS_CLIENT_KEY_H

#include "crypto/signing_key.h"
#include "harness/world.h"

struct client_key_pair {
	struct signing_key *key;
	char id[44]; /* RFC 7638 thumbprint */
	char jwk[2048];
};

/* A new one, or an RSA key that was kept: making one takes a quarter of a second. Within a test the
 * first is another than the second. Freed with signing_key_free. */
struct signing_key *key_new(enum jwt_alg alg);

/* A key of key_new; freed with signing_key_free(key). */
void client_key_make(struct client_key_pair *k, enum jwt_alg alg);

/* As `m2mctl client key add` does. */
void client_key_add(struct world *w, const struct org *o, const struct client_key_pair *k);
void client_key_remove(struct world *w, const struct org *o, const struct client_key_pair *k);

/* Signed by the key, with its kid. `claims` is a JSON object. One thread at a time for a key. */
void client_assertion_sign(const struct client_key_pair *k, const char *claims, char out[TOKEN_MAX]);

/* Good for `seconds` from now, of the client, for every world's issuer, with a new jti. */
void client_assertion_new(const char *client_id, const struct client_key_pair *k, int seconds, char out[TOKEN_MAX]);

/* POST /oauth2/token with the assertion; `more` are further parameters, each behind an `&`, or "".
 * Returns the status. */
int assertion_token(uint16_t port, const char *assertion, const char *more, struct http_reply *r);
int assertion_token_on(struct http_conn *c, const char *assertion, struct http_reply *r);

#endif
