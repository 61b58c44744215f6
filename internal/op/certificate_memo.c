/* 64 sets of 4: the SHA-256 of the fields is the key, and its first byte chooses the set. */
#include "op/certificate_memo.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"

#define WAYS      4
#define SETS      (CERTIFICATE_MEMO_MAX / WAYS)
#define LINES_MAX 16

struct entry {
	uint8_t key[SHA256_LEN];
	uint64_t used;                          /* the higher, the later */
	struct client_certificate *certificate; /* NULL: free */
};

struct certificate_memo {
	uint64_t uses;
	struct entry sets[SETS][WAYS];
};

struct certificate_memo *certificate_memo_new(void)
{
	return calloc(1, sizeof(struct certificate_memo));
}

void certificate_memo_free(struct certificate_memo *m)
{
	for (int set = 0; m != NULL && set < SETS; set++)
		for (int way = 0; way < WAYS; way++)
			client_certificate_free(m->sets[set][way].certificate);
	free(m);
}

size_t certificate_memo_count(const struct certificate_memo *m)
{
	size_t n = 0;
	for (int set = 0; set < SETS; set++)
		for (int way = 0; way < WAYS; way++)
			n += m->sets[set][way].certificate != NULL;
	return n;
}

/* Of each field's own, so that where one ends and the next begins counts too. */
static enum err key_of(struct str value, const struct str *chain, size_t lines, uint8_t ret[SHA256_LEN])
{
	uint8_t digests[LINES_MAX + 1][SHA256_LEN];
	if (lines > LINES_MAX)
		return ERR_MALFORMED;
	enum err err = sha256(value.p, value.n, digests[0]);
	for (size_t i = 0; err == ERR_OK && i < lines; i++)
		err = sha256(chain[i].p, chain[i].n, digests[i + 1]);
	return err != ERR_OK ? err : sha256(digests, (lines + 1) * SHA256_LEN, ret);
}

static struct entry *entry_of(struct entry *set, const uint8_t key[SHA256_LEN])
{
	for (int i = 0; i < WAYS; i++)
		if (set[i].certificate != NULL && memcmp(set[i].key, key, SHA256_LEN) == 0)
			return &set[i];
	return NULL;
}

/* A free one, or the one that was used longest ago, which is free then. */
static struct entry *make_room(struct entry *set)
{
	struct entry *oldest = &set[0];
	for (int i = 0; i < WAYS; i++) {
		if (set[i].certificate == NULL)
			return &set[i];
		if (set[i].used < oldest->used)
			oldest = &set[i];
	}
	client_certificate_free(oldest->certificate);
	oldest->certificate = NULL;
	return oldest;
}

enum err certificate_memo_read(struct certificate_memo *m, struct str value, const struct str *chain, size_t lines,
			       struct client_certificate **ret)
{
	uint8_t key[SHA256_LEN];
	struct client_certificate *read = NULL;
	enum err err = key_of(value, chain, lines, key);
	if (err != ERR_OK)
		return err;
	struct entry *set = m->sets[key[0] % SETS];
	struct entry *e = entry_of(set, key);
	if (e == NULL) {
		err = client_certificate_from_field(value, chain, lines, &read);
		if (err != ERR_OK)
			return err;
		e = make_room(set);
		memcpy(e->key, key, SHA256_LEN);
		e->certificate = read;
	}
	e->used = ++m->uses;
	*ret = e->certificate;
	return ERR_OK;
}
