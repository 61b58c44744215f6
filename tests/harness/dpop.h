/* A client's side of DPoP (RFC 9449): proofs that it signs, and requests that carry them. The keys
 * are client_key.h's. */
#ifndef M2M_TESTS_HARNESS_DPOP_H
#define M2M_TESTS_HARNESS_DPOP_H

#include "harness/client_key.h"

/* The public URL of every world's gateway. */
#define DPOP_URL "https://issuer.test"

/* What a proof says; NULL leaves a claim out, but for those that proof_new makes. */
struct proof {
	const char *method, *url;
	const char *token; /* whose hash is the ath */
	const char *nonce;
	const char *jti;  /* NULL: a new one */
	int age;          /* seconds since iat */
	const char *more; /* members, each with a comma before it */
};

void proof_new(const struct client_key_pair *k, const struct proof *p, char out[TOKEN_MAX]);
/* Signed as they are: JSON texts. */
void proof_sign(const struct client_key_pair *k, const char *header, const char *claims, char out[TOKEN_MAX]);
/* One for POST /oauth2/token. */
void proof_for_token(const struct client_key_pair *k, char out[TOKEN_MAX]);

/* POST /oauth2/token with the client's secret in the form; `proof` may be NULL. The status. */
int token_with_proof(uint16_t port, const struct org *o, const char *proof, struct http_reply *r);
int token_with_proof_on(struct http_conn *c, const struct org *o, const char *proof, struct http_reply *r);

/* A request with the token and, unless NULL, a proof. `scheme`: "DPoP" or "Bearer". GET without a
 * body, which is JSON. The status. */
int call_with_proof(uint16_t port, const char *path, const char *body, const char *scheme, const char *token, const char *proof,
		    struct http_reply *r);

/* A new token that is bound to the key, in `out`. */
void bound_token(const struct world *w, const struct org *o, const struct client_key_pair *k, char out[TOKEN_MAX]);

#endif
