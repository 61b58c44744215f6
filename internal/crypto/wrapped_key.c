#include "crypto/wrapped_key.h"

#include "crypto/key_wrap.h"

#define DER_CAP 16384 /* the largest PKCS#8 we take, RSA of 4096 bits, has less than 2.5 KiB */

static void wiped_cleanup(struct arena **a)
{
	arena_free(*a);
}
#define WIPED_ARENA(name) __attribute__((cleanup(wiped_cleanup))) struct arena *name = wiped_new()

static struct arena *wiped_new(void)
{
	struct arena *a = arena_new(DER_CAP);
	if (a != NULL)
		arena_wipe_on_free(a);
	return a;
}

static enum err unwrap(struct arena *secrets, const struct master_ring *ring, const struct wrapped_key *w, struct str *ret_der)
{
	const struct master_key *master = master_ring_find(ring, w->key_id);
	if (master == NULL)
		return ERR_KEY_MISSING;
	return secrets == NULL ? ERR_NO_MEMORY : key_unwrap(secrets, master, w->kid, w->bytes, ret_der);
}

enum err wrapped_key_make(struct arena *a, const struct master_key *master, const struct signing_key *key, struct str *ret)
{
	WIPED_ARENA(secrets);
	struct str der;
	if (secrets == NULL)
		return ERR_NO_MEMORY;
	enum err err = signing_key_to_der(key, secrets, &der);
	return err == ERR_OK ? key_wrap(a, master, signing_key_kid(key), der, ret) : err;
}

enum err wrapped_key_open(const struct master_ring *ring, enum jwt_alg alg, const struct wrapped_key *w, struct signing_key **ret)
{
	WIPED_ARENA(secrets);
	struct signing_key *key = NULL;
	struct str der;
	enum err err = unwrap(secrets, ring, w, &der);
	if (err == ERR_OK)
		err = signing_key_from_stored_der(alg, der, &key);
	if (err != ERR_OK)
		return err;
	if (!str_eq(signing_key_kid(key), w->kid)) {
		signing_key_free(key);
		return ERR_MISMATCH;
	}
	*ret = key;
	return ERR_OK;
}

enum err wrapped_key_move(struct arena *a, const struct master_ring *ring, const struct wrapped_key *w, const struct master_key *to,
			  struct str *ret)
{
	WIPED_ARENA(secrets);
	struct str der;
	enum err err = unwrap(secrets, ring, w, &der);
	return err == ERR_OK ? key_wrap(a, to, w->kid, der, ret) : err;
}
