/* Secrets that were brought along from another product: what hashes of theirs are taken, and
 * whether a secret is the one that was hashed. Hashing costs from a microsecond to a second, as
 * the other product chose; it is done from any thread, and never from a worker's loop.
 *
 *   product          its spelling                                  the spelling that is stored
 *   bcrypt           $2a$ $2b$ $2y$, {bcrypt}$2a$, bcrypt$$2b$     $2b$12$...
 *   Hydra            $pbkdf2-sha256$i=N,l=N$salt$hash              the same; its labels sha224 and
 *                                                                  sha384 mean SHA-3
 *   Zitadel          $pbkdf2-sha256$N$salt$hash (RFC 8018)         $pbkdf2-sha256$i=N,l=N$...; its
 *                                                                  SHA-2 is sha2-224, sha2-384
 *   Django           pbkdf2_sha256$N$salt$hash, pbkdf2_sha1        $pbkdf2-sha256$i=N,l=N$...
 *                    bcrypt_sha256$$2b$                            the same
 *                    scrypt$N$salt$r$p$hash                        $scrypt$ln=,r=,p=$salt$hash
 *                    argon2$argon2id$...                           $argon2id$...
 *   Spring           {pbkdf2}hex, {pbkdf2@SpringSecurity_v5_8}hex  $pbkdf2-sha1$..., -sha256$...
 *                    {scrypt}, {scrypt@SpringSecurity_v5_8}        $scrypt$...
 *                    {argon2}, {argon2@SpringSecurity_v5_8}        $argon2id$...
 *   PHC              $scrypt$ln=,r=,p=$..., $argon2id$, $argon2i$  the same
 *   crypt(5)         $5$, $6$                                      the same
 *   Duende           base64 of SHA-256 or SHA-512                  the same
 *
 * Spring's {noop} is no hash: foreign_noop. bcrypt reads 72 bytes of a secret, as it does
 * everywhere. */
#ifndef M2M_CRYPTO_FOREIGN_SECRET_H
#define M2M_CRYPTO_FOREIGN_SECRET_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

/* Ids and secrets that were brought along: visible ASCII characters, so many. */
#define FOREIGN_MIN         8
#define FOREIGN_MAX         128
#define FOREIGN_HASH_MAX    512
#define FOREIGN_SECRETS_MAX 8 /* of one client: so many are imported, and tried at a login */

/* What one verification may cost: about a second of one core, and so much memory. The default of
 * Django's Argon2 takes 100 MiB. */
#define FOREIGN_MEMORY_MAX     (128 * 1024 * 1024)
#define FOREIGN_BCRYPT_MAX     14      /* log2 of its rounds */
#define FOREIGN_ITERATIONS_MAX 2000000 /* PBKDF2's, times the blocks of its output */
#define FOREIGN_CRYPT_MAX      1000000 /* rounds of $5$ and $6$ */
#define FOREIGN_SCRYPT_MAX     2097152 /* N * r * p */
#define FOREIGN_ARGON2_MAX     524288  /* KiB times passes */

bool foreign_well_formed(struct str s);

/* What a hash is made with, for those who count. */
enum foreign_form {
	FOREIGN_FORM_BCRYPT,
	FOREIGN_FORM_PBKDF2,
	FOREIGN_FORM_SCRYPT,
	FOREIGN_FORM_ARGON2,
	FOREIGN_FORM_SHA_CRYPT,
	FOREIGN_FORM_SHA2,
};
#define FOREIGN_FORMS 6

const char *foreign_form_name(enum foreign_form form); /* static */

/* The one spelling in which a hash is stored; `out` has FOREIGN_HASH_MAX bytes, which *ret borrows.
 * It gives itself again. ERR_MALFORMED: no form that is taken; ERR_TOO_LARGE: it costs more than
 * is allowed. */
MUST_CHECK enum err foreign_hash_canonical(struct str hash, char *out, struct str *ret);

/* Of a hash as foreign_hash_canonical gave it. */
enum foreign_form foreign_form_of(struct str hash);

/* `hash` as foreign_hash_canonical gave it. ERR_MISMATCH: of another secret; ERR_MALFORMED;
 * ERR_TOO_LARGE; ERR_NO_MEMORY; ERR_CRYPTO: this machine's libraries can't. */
MUST_CHECK enum err foreign_hash_verify(struct str hash, struct str secret);

/* Spring's "{noop}secret": *ret is the secret. False: `hash` is none. */
bool foreign_noop(struct str hash, struct str *ret);

#endif
