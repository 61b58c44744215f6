/* A DPoP proof (RFC 9449 sections 4.2 and 4.3): the one DPoP field of a request -> a key's
 * thumbprint that the token is bound to or was bound to, and a jti to be used once.
 *
 * The caller refuses more than one DPoP field, compares jkt with the token's cnf.jkt, and has the
 * statement check used_once_make(USED_ONCE_DPOP_PROOF, jkt, jti). */
#ifndef M2M_OP_DPOP_PROOF_H
#define M2M_OP_DPOP_PROOF_H

#include "crypto/dpop.h"

/* The defaults. FAPI 2.0 wants ten seconds either way; a slow network holds proofs back. */
#define DPOP_PROOF_PAST_S   60
#define DPOP_PROOF_FUTURE_S 10

/* How long a nonce of ours is good, in seconds. */
#define DPOP_NONCE_LIFETIME_S 300

struct dpop_rules {
	struct str method; /* of the request: "POST" */
	/* what clients call us by, with its path, if any; a last "/" is ignored */
	struct str public_url;
	struct str path; /* the route: "/oauth2/token". A query is ignored */
	int64_t now_us;
	int64_t past_s, future_s;         /* how far iat may be from now */
	const struct dpop_nonces *nonces; /* NULL: no nonce is wanted */
	struct str access_token;          /* absent: none is presented, no ath wanted */
};

struct dpop_proof {
	char jkt[THUMBPRINT_TEXT_LEN + 1];
	struct str jti; /* 1 to JTI_MAX bytes, in the arena */
	int64_t issued_at;
	/* the second from which on iat is too old; used_once has to remember the jti until then */
	int64_t refused_from;
	/* what FAPI 2.0 forbids of a proof that is right: a sentence (static); NULL: nothing */
	const char *fapi2_fault;
};

/* The rules:
 *   typ dpop+jwt, an alg of ours, a public jwk that verifies it
 *   htm  the method, htu the URL (normalized, without query and fragment)
 *   iat  wanted, within past_s and future_s; exp and nbf hold where they are there, give or take
 *        future_s
 *   jti  wanted, 1 to JTI_MAX bytes
 *   ath  wanted with an access token: its SHA-256
 *   nonce  where wanted, a fresh one of ours
 * ERR_INVALID_DPOP_PROOF; ERR_USE_DPOP_NONCE: all else is right, and the answer has to carry
 * dpop_nonce_make's; both with a sentence for error_description in *ret_why (static).
 * ERR_NO_MEMORY, ERR_CRYPTO: without one. */
MUST_CHECK enum err dpop_proof_check(struct arena *a, struct str field, const struct dpop_rules *rules, struct dpop_proof *ret,
				     const char **ret_why);

/* The same in steps, for whoever verifies several together: form and key, and the key's thumbprint
 * in ret->jkt; the caller verifies the signature (jwt_verify), frees the key, and tells what that
 * answered; the rest of *ret. */
MUST_CHECK enum err dpop_proof_read(struct arena *a, struct str field, struct jwt *ret_jwt, struct signing_key **ret_key,
				    struct dpop_proof *ret, const char **ret_why);
MUST_CHECK enum err dpop_proof_settle(const struct jwt *jwt, enum err verified, const struct dpop_rules *rules, struct dpop_proof *ret,
				      const char **ret_why);

#endif
