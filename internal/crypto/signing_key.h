/* A signing key: private (ours) or public only. Parsed once; used by one thread at a time, since
 * its signature contexts are reused.
 *
 * kid: the first 16 characters of the base64url RFC 7638 SHA-256 thumbprint: short because every
 * audit row carries it. */
#ifndef M2M_CRYPTO_SIGNING_KEY_H
#define M2M_CRYPTO_SIGNING_KEY_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/sbuf.h"
#include "base/str.h"
#include "crypto/jwt_alg.h"
#include "crypto/signing_way.h"

#define KID_LEN 16
#define KID_MAX 128

struct signing_key;

/* RSA 2048, P-256 or Ed25519. */
MUST_CHECK enum err signing_key_generate(enum jwt_alg alg, struct signing_key **ret);

/* From PKCS#8 DER, from a public JWK (RFC 7517, RFC 7518 section 6, RFC 8037 section 2; a "d"
 * member is refused). ERR_MALFORMED, ERR_MISMATCH (key type doesn't fit alg, RSA under
 * 2048 bits, wrong curve, point not on the curve). */
MUST_CHECK enum err signing_key_from_der(enum jwt_alg alg, struct str pkcs8, struct signing_key **ret);
MUST_CHECK enum err signing_key_from_jwk(enum jwt_alg alg, struct str jwk_json, struct signing_key **ret);
/* The same for keys that were checked when they were made, and that the caller holds against a kid
 * of then, which is a hash of the public part. Requests that wait for a key would wait for the
 * check too (see below). */
MUST_CHECK enum err signing_key_from_stored_der(enum jwt_alg alg, struct str pkcs8, struct signing_key **ret);
MUST_CHECK enum err signing_key_from_stored_jwk(enum jwt_alg alg, struct str jwk_json, struct signing_key **ret);
/* The same without the arithmetic that tells a sound key from one that protects nothing: it costs
 * more than a signature, RSA's two hundred times as much. For keys that signing_key_from_jwk or
 * client_key_read took before, and those that protect nobody but who made them (DPoP). Type,
 * curve, size and form are checked as ever. */
MUST_CHECK enum err signing_key_from_known_jwk(enum jwt_alg alg, struct str jwk_json, struct signing_key **ret);
void signing_key_free(struct signing_key *key); /* NULL is allowed */
/* It stays until it has been freed once more. Of one thread's holders. */
struct signing_key *signing_key_hold(struct signing_key *key);

/* PKCS#8 DER in `a`, for sealing; the caller wipes the arena. ERR_NOT_PRESENT for a public key. */
MUST_CHECK enum err signing_key_to_der(const struct signing_key *key, struct arena *a, struct str *ret);

/* The public JWK with kty, its parameters, alg, use "sig" and kid, as JSON. */
MUST_CHECK enum err signing_key_public_jwk(const struct signing_key *key, struct sbuf *out);

/* The private key for whoever will sign with it: as PEM (PKCS#8, RFC 7468 section 10), and as a JWK
 * with alg, use and kid. The caller wipes. ERR_NOT_PRESENT for a public key; ERR_TOO_LARGE. */
MUST_CHECK enum err signing_key_private_pem(const struct signing_key *key, struct sbuf *out);
MUST_CHECK enum err signing_key_private_jwk(const struct signing_key *key, struct sbuf *out);

enum jwt_alg signing_key_alg(const struct signing_key *key);
struct str signing_key_kid(const struct signing_key *key); /* valid as long as the key */
bool signing_key_is_private(const struct signing_key *key);

/* Lets a private key sign several inputs together, by the fastest way up to `way` that the key,
 * the build and the CPU have. False: what a faster one signed didn't verify, and a simpler one is
 * taken. It takes some signatures' time. */
bool signing_key_prepare_group(struct signing_key *key, enum signing_way way);

/* How the key signs several inputs. */
enum signing_way signing_key_way(const struct signing_key *key);

/* How many signatures are best made at once (jwt_sign_drafts), of which whoever gets the first
 * one waits for the last. A key that was prepared has several share work. Between slow signatures
 * those who wait fall asleep, and waking them one by one costs all of us more than three
 * signatures together (a millisecond) delay the first. Of others it is 1. */
#define SIGNING_GROUP_MAX  32
#define SIGNING_GROUP_SLOW 3
unsigned signing_key_group(const struct signing_key *key);

/* A signature takes several times as long as a message to another process and back: RSA's do
 * (some 300 us), an elliptic curve's don't (some 25). */
bool signing_key_is_slow(const struct signing_key *key);

#endif
