/* A hash of another product, read out of its text and written in the spelling that is stored.
 * Private to crypto/: foreign_secret.h tells the forms. */
#ifndef M2M_CRYPTO_FOREIGN_HASH_H
#define M2M_CRYPTO_FOREIGN_HASH_H

#include <stdint.h>

#include "base/sbuf.h"
#include "base/str.h"

#define FOREIGN_SALT_MAX 128
#define FOREIGN_KEY_MIN  16 /* bytes: a shorter one is found by trying */
#define FOREIGN_KEY_MAX  64

enum foreign_kind { FOREIGN_CRYPT, FOREIGN_BCRYPT_SHA256, FOREIGN_PBKDF2, FOREIGN_SCRYPT, FOREIGN_ARGON2, FOREIGN_SHA };

/* What PBKDF2 of a name is made with. Each name is the end of "$pbkdf2-". */
enum foreign_digest {
	FOREIGN_SHA1,
	FOREIGN_SHA3_224,
	FOREIGN_SHA256,
	FOREIGN_SHA3_384,
	FOREIGN_SHA512,
	FOREIGN_SHA2_224,
	FOREIGN_SHA2_384
};

struct foreign_hash {
	enum foreign_kind kind;
	struct str crypt; /* of FOREIGN_CRYPT and FOREIGN_BCRYPT_SHA256: what crypt(3) takes */
	size_t key_at;    /* where its hash begins in it */
	enum foreign_digest digest;
	uint32_t iterations;     /* of PBKDF2 */
	uint32_t ln, r, p;       /* of scrypt, and Argon2's lanes */
	uint32_t memory, passes; /* of Argon2: KiB */
	bool is_argon2id;
	uint8_t salt[FOREIGN_SALT_MAX], key[FOREIGN_KEY_MAX];
	size_t salt_n, key_n;
};

/* Borrows from `text`. ERR_MALFORMED; ERR_TOO_LARGE: it costs more than foreign_secret.h
 * allows. */
MUST_CHECK enum err foreign_hash_read(struct str text, struct foreign_hash *ret);

void foreign_hash_put(const struct foreign_hash *h, struct sbuf *out);

/* Bytes of a digest. */
unsigned foreign_digest_len(enum foreign_digest digest);

#endif
