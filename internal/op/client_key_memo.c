/* 512 sets of 8: a hash of the client id chooses the set. A key takes a few KiB. */
#include "op/client_key_memo.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "crypto/secret.h"
#include "json/json_read.h"

#define SETS       512
#define WAYS       8
#define PARSE_ROOM (64 * 1024) /* of one key's text */

static const struct json_limits limits = {.max_depth = 2, .max_values = 64};

struct entry {
	char client_id[FOREIGN_MAX + 1];
	uint64_t used; /* 0: free; else the higher, the later */
	struct known_keys *keys;
};

struct client_key_memo {
	uint64_t uses;
	struct arena *scratch;
	struct entry sets[SETS][WAYS];
};

static void keys_free(struct known_keys *keys)
{
	for (size_t i = 0; keys != NULL && i < keys->n; i++)
		for (int alg = 0; alg < JWT_ALG_COUNT; alg++)
			signing_key_free(keys->v[i].by_alg[alg]);
	if (keys != NULL)
		free(keys->workloads);
	free(keys);
}

struct client_key_memo *client_key_memo_new(void)
{
	struct client_key_memo *m = calloc(1, sizeof *m);
	if (m == NULL)
		return NULL;
	m->scratch = arena_new(PARSE_ROOM);
	if (m->scratch == NULL) {
		free(m);
		return NULL;
	}
	return m;
}

void client_key_memo_free(struct client_key_memo *m)
{
	if (m == NULL)
		return;
	for (int set = 0; set < SETS; set++)
		for (int way = 0; way < WAYS; way++)
			keys_free(m->sets[set][way].keys);
	arena_free(m->scratch);
	free(m);
}

/* Ours are random: any of their bytes tell them apart. */
static struct entry *set_of(struct client_key_memo *m, struct str client_id)
{
	unsigned hash = 0;
	for (size_t i = 0; i < client_id.n; i++)
		hash = hash * 31 + (unsigned char)client_id.p[i];
	return m->sets[hash % SETS];
}

static struct entry *entry_of(struct entry *set, struct str client_id)
{
	for (int i = 0; i < WAYS; i++)
		if (set[i].used != 0 && str_eq(str_of(set[i].client_id), client_id))
			return &set[i];
	return NULL;
}

const struct known_keys *client_key_memo_get(struct client_key_memo *m, struct str client_id)
{
	struct entry *e = entry_of(set_of(m, client_id), client_id);
	if (e == NULL)
		return NULL;
	e->used = ++m->uses;
	return e->keys;
}

/* False: the database holds what we can't read, which no assertion can be checked with. */
static bool parse(struct arena *scratch, const struct client_jwk *from, struct known_key *to)
{
	const struct json *jwk;
	struct str kid = STR_NONE;
	bool any = false;
	arena_reset(scratch);
	if (from->jwk.p == NULL || from->credential_id.n != THUMBPRINT_TEXT_LEN || json_parse(scratch, from->jwk, limits, &jwk) != ERR_OK)
		return false;
	memcpy(to->credential_id, from->credential_id.p, THUMBPRINT_TEXT_LEN);
	if (json_string(json_get(jwk, "kid"), &kid) == ERR_OK && kid.n <= KID_MAX)
		memcpy(to->kid, kid.p, kid.n);
	for (int alg = 0; alg < JWT_ALG_COUNT; alg++)
		if (signing_key_from_known_jwk((enum jwt_alg)alg, from->jwk, &to->by_alg[alg]) == ERR_OK)
			any = true;
	return any;
}

/* ---- workloads ---- */

static bool is_workload(const struct client_jwk *row)
{
	return row->jwk.p == NULL && row->workload.issuer.p != NULL && row->credential_id.n == THUMBPRINT_TEXT_LEN;
}

static size_t texts_of(const struct workload_terms *t)
{
	return t->issuer.n + t->subject.n + t->audience.n + t->claims.n;
}

static struct str keep(char **at, struct str text)
{
	char *to = *at;
	if (text.p == NULL)
		return STR_NONE;
	memcpy(to, text.p, text.n);
	*at += text.n;
	return str_from(to, text.n);
}

/* All of them, and their texts behind, in one piece. False: out of memory. */
static bool keep_workloads(struct known_keys *keys, const struct client_jwk *rows, size_t n)
{
	size_t room = 1;
	for (size_t i = 0; i < n; i++)
		room += is_workload(&rows[i]) ? sizeof *keys->workloads + texts_of(&rows[i].workload) : 0;
	keys->workloads = calloc(1, room);
	if (keys->workloads == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		keys->workloads_n += is_workload(&rows[i]);
	char *texts = (char *)(keys->workloads + keys->workloads_n);
	struct known_workload *to = keys->workloads;
	for (size_t i = 0; i < n; i++) {
		const struct workload_terms *t = &rows[i].workload;
		if (!is_workload(&rows[i]))
			continue;
		memcpy(to->credential_id, rows[i].credential_id.p, THUMBPRINT_TEXT_LEN);
		to->terms = (struct workload_terms){
			.issuer = keep(&texts, t->issuer),
			.subject = keep(&texts, t->subject),
			.audience = keep(&texts, t->audience),
			.claims = keep(&texts, t->claims),
			.may_replay = t->may_replay,
		};
		to++;
	}
	return true;
}

static struct entry *victim_of(struct entry *set)
{
	struct entry *victim = &set[0];
	for (int i = 1; i < WAYS; i++)
		if (set[i].used < victim->used)
			victim = &set[i];
	return victim;
}

const struct known_keys *client_key_memo_put(struct client_key_memo *m, struct str client_id, const struct client_jwk *keys, size_t n)
{
	struct entry *set = set_of(m, client_id);
	struct entry *e = entry_of(set, client_id);
	if (e == NULL)
		e = victim_of(set);
	keys_free(e->keys);
	e->used = 0;
	e->keys = calloc(1, sizeof *e->keys + n * sizeof *e->keys->v);
	if (e->keys == NULL || !keep_workloads(e->keys, keys, n)) {
		free(e->keys);
		e->keys = NULL;
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		if (parse(m->scratch, &keys[i], &e->keys->v[e->keys->n]))
			e->keys->n++;
		else
			memset(&e->keys->v[e->keys->n], 0, sizeof e->keys->v[0]);
	memcpy(e->client_id, client_id.p, client_id.n);
	e->client_id[client_id.n] = '\0';
	e->used = ++m->uses;
	return e->keys;
}
