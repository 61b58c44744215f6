/* Secrets that were brought along from another product and weren't shown yet: of those the
 * database has the other product's hash alone. Who has found that a client shows the secret of
 * such a hash puts our verifier in its place. Neither decides whether the client gets a token:
 * that is for the issuing statement, which is asked once more. */
#ifndef M2M_STORE_SECRET_ADOPTION_H
#define M2M_STORE_SECRET_ADOPTION_H

#include "store/store.h"

struct foreign_hash {
	int32_t version;
	struct str hash;
};

/* `hashes` are borrowed until this returns; none of a client that has no such secret. Errors:
 * STORE_UNAVAILABLE, INTERNAL. */
typedef void foreign_hashes_done(void *arg, enum err err, const struct foreign_hash *hashes, size_t n);

/* From the loop, exactly once, and never from inside the call. On an error `done` isn't called. */
MUST_CHECK enum err foreign_hashes_find(struct store *s, struct str client_id, foreign_hashes_done *done, void *arg);

struct secret_adoption {
	struct str client_id;
	struct foreign_hash was; /* as it was read */
	struct str verifier;     /* under key_id, SHA256_LEN bytes */
	struct str key_id;
};

/* ERR_OK: it has the verifier, durably, or another one was faster, or it isn't live any more.
 * STORE_UNAVAILABLE, INTERNAL. */
typedef void secret_adopt_done(void *arg, enum err err);

/* Likewise. What `adoption` and `origin` point to isn't kept. */
MUST_CHECK enum err secret_adopt(struct store *s, const struct secret_adoption *adoption, const struct origin *origin,
				 secret_adopt_done *done, void *arg);

#endif
