/* Whatever stands where another product's hash should: nothing breaks, its stored spelling gives
 * itself again, and what is taken is never above the costs that foreign_secret.h allows. */
#include <stdint.h>
#include <stdlib.h>

#include "crypto/digest.h"
#include "crypto/foreign_hash.h"
#include "crypto/foreign_secret.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Quick enough to be tried. */
static bool is_cheap(const struct foreign_hash *h)
{
	return h->kind == FOREIGN_SHA || (h->kind == FOREIGN_PBKDF2 && h->iterations <= 100) ||
	       (h->kind == FOREIGN_SCRYPT && (h->r * h->p << h->ln) <= 1024) ||
	       (h->kind == FOREIGN_ARGON2 && h->memory * h->passes <= 1024) ||
	       (h->kind == FOREIGN_CRYPT && str_starts(h->crypt, STR("$2")) && str_starts(str_from(h->crypt.p + 4, 2), STR("04")));
}

static void try_costs(const struct foreign_hash *h)
{
	if (h->kind == FOREIGN_SCRYPT)
		must(((uint64_t)h->r << h->ln) * 128 <= FOREIGN_MEMORY_MAX && ((uint64_t)h->r * h->p << h->ln) <= FOREIGN_SCRYPT_MAX);
	if (h->kind == FOREIGN_ARGON2)
		must(h->memory <= FOREIGN_MEMORY_MAX / 1024 && (uint64_t)h->memory * h->passes <= FOREIGN_ARGON2_MAX);
	if (h->kind == FOREIGN_PBKDF2)
		must(h->iterations > 0 && h->iterations <= FOREIGN_ITERATIONS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char once[FOREIGN_HASH_MAX], twice[FOREIGN_HASH_MAX];
	struct str first = STR_NONE, second = STR_NONE, text = str_from(data, size);
	struct foreign_hash h;

	must(crypto_init() == ERR_OK);
	enum err err = foreign_hash_canonical(text, once, &first);
	if (err != ERR_OK) {
		must((err == ERR_MALFORMED || err == ERR_TOO_LARGE) && first.p == NULL);
		return 0;
	}
	must(foreign_hash_canonical(first, twice, &second) == ERR_OK && str_eq(first, second));
	must(foreign_hash_read(first, &h) == ERR_OK);
	try_costs(&h);
	if (is_cheap(&h)) {
		err = foreign_hash_verify(first, STR("not-the-secret"));
		must(err == ERR_MISMATCH || err == ERR_CRYPTO);
	}
	return 0;
}
