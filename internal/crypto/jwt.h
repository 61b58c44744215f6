/* JSON Web Tokens (RFC 7515, 7519): compose, take apart, verify.
 *
 * Hot path: jwt_draft and jwt_sign_drafts, OpenSSL with everything parsed beforehand. First
 * sight of a bearer, minting and inspecting: libjwt, behind our own checks, since libjwt 1.10.2
 * would trust the token's own alg. Tests hold the two against each other. */
#ifndef M2M_CRYPTO_JWT_H
#define M2M_CRYPTO_JWT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/sbuf.h"
#include "base/str.h"
#include "crypto/signing_key.h"

/* As much as the headers of a request may have in all, REST's and gRPC's: a longer one doesn't
 * reach us. */
#define JWT_MAX_LEN 16384

struct jwt {
	struct str token;         /* the whole compact serialization, as given */
	struct str signing_input; /* header.payload, inside of token */
	struct str signature;     /* decoded bytes */
	/* the payload's JSON text, an object, strict as json_read.h says */
	struct str claims;
	const struct json *claims_json;
	enum jwt_alg alg;
	struct str kid; /* absent, or 1 to KID_MAX bytes */
	struct str typ; /* absent, or one of its form's, as it was written */
	/* the header's, an object; NULL but in a form that embeds one */
	const struct json *jwk;
};

/* What a kind of JWT may say of itself. `typ` is a media type, whose case doesn't matter (RFC
 * 7515 section 4.1.9), and keeps one kind from standing in for another (RFC 8725 section 3.11). */
struct jwt_form {
	const char *typs[5]; /* as far as the first NULL */
	bool typ_wanted;     /* it may not be left out */
	bool embeds_jwk;     /* the header's jwk is wanted; else it is refused */
};

/* Access tokens: typ absent, JWT, at+jwt or application/at+jwt (RFC 9068 section 4). */
extern const struct jwt_form jwt_form_bearer;

/* Takes a compact token apart without trusting it. ERR_MALFORMED for anything but: three
 * base64url parts of bounded length, a header object whose alg is one of ours (never "none",
 * never HMAC), kid absent or 1 to KID_MAX visible ASCII characters (others' kids hold +, / and
 * =; it is only ever compared), typ and jwk as `form` says, and without crit, jku, x5u, x5c,
 * b64, zip; a payload that is a JSON object. Memory from `a`; *ret is valid as long as the
 * token's bytes and `a`. */
MUST_CHECK enum err jwt_parse_as(const struct jwt_form *form, struct arena *a, struct str token, struct jwt *ret);

/* The same for jwt_form_bearer. */
MUST_CHECK enum err jwt_parse(struct arena *a, struct str token, struct jwt *ret);

/* 1 to KID_MAX visible ASCII characters. */
bool kid_well_formed(struct str s);

/* Signature check with OpenSSL's EVP. ERR_MISMATCH: the key's alg isn't the token's, or the
 * signature is wrong. */
MUST_CHECK enum err jwt_verify(struct signing_key *key, const struct jwt *jwt);

/* The same answer from libjwt (what it can't read, at+jwt, PS256 and EdDSA, goes to jwt_verify,
 * and so does what a known key is to verify). ERR_NO_MEMORY. */
MUST_CHECK enum err jwt_verify_libjwt(struct signing_key *key, const struct jwt *jwt);

/* A token that lacks its signature: header.claims at the end of `out`, which has to stay as it
 * is until jwt_sign_drafts. */
struct jwt_draft {
	struct sbuf *out;
	size_t start; /* where in `out` */
};

/* Appends header.claims. ERR_TOO_LARGE: `out` overflowed. */
MUST_CHECK enum err jwt_draft(const struct signing_key *key, bool at_jwt, struct str claims, struct sbuf *out, struct jwt_draft *ret);

/* Signs the drafts, 1 to signing_key_group(key), and appends .signature to each (a buffer that
 * overflows by it says so itself). ERR_CRYPTO: to none. */
MUST_CHECK enum err jwt_sign_drafts(struct signing_key *key, const struct jwt_draft *drafts, size_t n);

/* Appends header.claims.signature to `out`. The header is {"alg","typ","kid"}, encoded once per
 * key and typ; at_jwt chooses "at+jwt" (RFC 9068) over "JWT". No allocation beyond OpenSSL's
 * own. ERR_CRYPTO; ERR_TOO_LARGE when `out` overflowed. */
MUST_CHECK enum err jwt_sign(struct signing_key *key, bool at_jwt, struct str claims, struct sbuf *out);

/* The same through libjwt, for tokens that are minted off the hot path: typ JWT, RS256 and ES256
 * (what it can't sign goes to jwt_sign); `claims` is a JSON object of strings, integers, and
 * arrays. */
MUST_CHECK enum err jwt_sign_libjwt(struct signing_key *key, struct str claims, struct sbuf *out);

#endif
