/* text -> lines -> (key_id, 32 bytes) -> subkeys, key by key; the first fault ends the reading
 * and leaves nothing behind. */
#include "crypto/master_ring.h"

#include "base/base64.h"
#include "crypto/digest.h"
#include "crypto/kbkdf.h"

_Static_assert(KBKDF_KEY_LEN == sizeof(((struct master_key *)0)->master), "a master key is what the derivation takes");

static enum err derive_subkeys(struct master_key *key)
{
	const struct {
		struct str label;
		uint8_t *out;
	} subkeys[] = {
		{STR("m2m-gateway verifier key v1"), key->verifier_key},
		{STR("m2m-gateway seal key v1"), key->wrap_key},
		{STR("m2m-gateway key check v1"), key->check},
	};

	for (size_t i = 0; i < sizeof subkeys / sizeof subkeys[0]; i++) {
		enum err err = kbkdf_hmac_sha256(key->master, subkeys[i].label, STR(""), subkeys[i].out);
		if (err != ERR_OK)
			return err;
	}
	return ERR_OK;
}

/* Adds the key of one line. *fault says what is wrong with it, never quoting the line: a slip
 * may have put the key anywhere. */
static enum err add_line(struct master_ring *ring, struct str line, const char **fault)
{
	struct str rest = line;
	struct str key_id = str_trim(str_split(&rest, ':'));

	if (rest.p == NULL) {
		*fault = "expected `key_id: base64`";
		return ERR_MALFORMED;
	}
	if (key_id.n == 0 || key_id.n > MASTER_KEY_ID_MAX || !str_is_word(key_id, "-_")) {
		*fault = "a key_id is 1 to 32 of A-Z, a-z, 0-9, '-' and '_'";
		return ERR_MALFORMED;
	}
	if (master_ring_find(ring, key_id) != NULL) {
		*fault = "this key_id stands on an earlier line";
		return ERR_MALFORMED;
	}
	if (ring->n == MASTER_RING_MAX) {
		*fault = "too many keys";
		return ERR_TOO_LARGE;
	}

	struct master_key *key = &ring->keys[ring->n];
	size_t n = 0;
	if (base64_decode(str_trim(rest), key->master, sizeof key->master, &n) != ERR_OK || n != sizeof key->master) {
		*fault = "the value is not standard base64 of exactly 32 bytes";
		return ERR_MALFORMED;
	}
	memcpy(key->key_id, key_id.p, key_id.n);
	enum err err = derive_subkeys(key);
	if (err != ERR_OK) {
		*fault = "deriving its subkeys failed";
		return err;
	}
	ring->n++;
	return ERR_OK;
}

enum err master_ring_parse(struct str text, struct master_ring *ret, struct sbuf *why)
{
	enum err err = ERR_OK;

	*ret = (struct master_ring){0};
	for (unsigned line_no = 1; text.p != NULL && err == ERR_OK; line_no++) {
		const char *fault = NULL;
		struct str line = str_trim(str_split(&text, '\n'));

		if (line.n == 0 || line.p[0] == '#')
			continue;
		err = add_line(ret, line, &fault);
		if (err != ERR_OK && why != NULL)
			sbuf_printf(why, "line %u: %s", line_no, fault);
	}
	if (err == ERR_OK && ret->n == 0) {
		err = ERR_MALFORMED;
		if (why != NULL)
			sbuf_putz(why, "there is no key in it");
	}
	if (err != ERR_OK)
		master_ring_wipe(ret);
	return err;
}

void master_ring_wipe(struct master_ring *ring)
{
	crypto_wipe(ring, sizeof *ring);
}

const struct master_key *master_ring_find(const struct master_ring *ring, struct str key_id)
{
	for (unsigned i = 0; i < ring->n; i++)
		if (str_eq(str_of(ring->keys[i].key_id), key_id))
			return &ring->keys[i];
	return NULL;
}
