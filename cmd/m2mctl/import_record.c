#include "import_record.h"

#include "base/base64.h"
#include "base/clock.h"
#include "crypto/secret.h"

/* ---- for all readers ---- */

struct str record_text(const struct json *record, const char *key)
{
	struct str text = STR_NONE;
	return json_string(json_get(record, key), &text) == ERR_OK ? text : STR_NONE;
}

bool record_is(const struct json *record, const char *key, enum json_type type)
{
	const struct json *v = json_get(record, key);
	return v != NULL && v->type == type;
}

static size_t count(const struct json *v)
{
	size_t n = 0;
	for (const struct json *one = v->child; one != NULL; one = one->next)
		n++;
	return n;
}

static struct words words_split(struct arena *a, struct str text, const char *separators)
{
	struct str *v = arena_alloc(a, (text.n / 2 + 1) * sizeof *v);
	size_t n = 0;
	for (size_t at = 0; v != NULL && at < text.n;) {
		size_t end = at;
		while (end < text.n && strchr(separators, text.p[end]) == NULL)
			end++;
		if (end > at)
			v[n++] = str_from(text.p + at, end - at);
		at = end + 1;
	}
	return (struct words){v, n};
}

struct words record_words(struct arena *a, const struct json *v, const char *separators, const char *of)
{
	if (v != NULL && v->type == JSON_STRING)
		return words_split(a, v->text, separators);
	if (v == NULL || v->type != JSON_ARRAY)
		return (struct words){NULL, 0};
	struct str *list = arena_alloc(a, (count(v) + 1) * sizeof *list);
	size_t n = 0;
	for (const struct json *one = v->child; list != NULL && one != NULL; one = one->next) {
		struct str word = one->type == JSON_OBJECT && of != NULL ? record_text(one, of)
				  : one->type == JSON_STRING             ? one->text
									 : STR_NONE;
		if (word.p != NULL)
			list[n++] = word;
	}
	return (struct words){list, n};
}

bool words_have(const struct words *words, const char *word)
{
	for (size_t i = 0; i < words->n; i++)
		if (str_eq(words->v[i], str_of(word)))
			return true;
	return false;
}

bool record_add_secret(struct brought *b, struct str plain, struct str hash, int64_t expires_at)
{
	if (b->n == FOREIGN_SECRETS_MAX)
		return false;
	b->secrets[b->n] =
		(struct brought_secret){.plain = plain, .hash = hash, .kept = {.version = (int32_t)b->n + 1, .expires_at = expires_at}};
	b->n++;
	return true;
}

int64_t record_time(const struct json *v)
{
	int64_t seconds, us;
	if (v == NULL || (v->type != JSON_STRING && v->type != JSON_NUMBER))
		return 0;
	if (str_to_i64(v->text, 1, INT64_C(253402300799), &seconds) == ERR_OK)
		return seconds * 1000000;
	return v->type == JSON_STRING && clock_parse_rfc3339(v->text, &us) == ERR_OK ? us : 0;
}

const struct json *record_at(const struct json *record, struct str path)
{
	for (const struct json *v = record != NULL && record->type == JSON_OBJECT ? record->child : NULL; v != NULL; v = v->next) {
		if (str_eq(v->key, path))
			return v;
		if (path.n > v->key.n && path.p[v->key.n] == '.' && str_starts(path, v->key)) {
			const struct json *found = record_at(v, str_from(path.p + v->key.n + 1, path.n - v->key.n - 1));
			if (found != NULL)
				return found;
		}
	}
	return NULL;
}

/* ---- our own form ---- */

#define UNUSED_FOR_MAX 2592000

static const struct record_member members[] = {
	{"organization", RECORD_TEXT},
	{"organization_id", RECORD_TEXT},
	{"organization_name", RECORD_TEXT},
	{"organization_issuer", RECORD_TEXT},
	{"organization_external_id", RECORD_TEXT},
	{"organization_networks", RECORD_LIST},
	{"organization_secret_max_age", RECORD_NUMBER},
	{"organization_disabled", RECORD_BOOL},
	{"client_id", RECORD_TEXT},
	{"name", RECORD_TEXT},
	{"default", RECORD_BOOL},
	{"disabled", RECORD_BOOL},
	{"roles", RECORD_LIST},
	{"scopes", RECORD_LIST},
	{"audiences", RECORD_LIST},
	{"token_lifetime", RECORD_NUMBER},
	{"token_type", RECORD_TEXT},
	{"allowed_networks", RECORD_LIST},
	{"auth_methods", RECORD_LIST},
	{"token_binding", RECORD_TEXT},
	{"profile", RECORD_TEXT},
	{"secret", RECORD_TEXT},
	{"secret_hash", RECORD_TEXT},
	{"secret_expires_at", RECORD_TEXT},
	{"secrets", RECORD_LIST},
	{"credentials", RECORD_LIST},
	{NULL, 0},
};

static const struct record_member secret_members[] = {
	{"version", RECORD_NUMBER},
	{"secret", RECORD_TEXT},
	{"hash", RECORD_TEXT},
	{"key_id", RECORD_TEXT},
	{"verifier", RECORD_TEXT},
	{"salt", RECORD_TEXT},
	{"hint", RECORD_TEXT},
	{"created_at", RECORD_TEXT},
	{"expires_at", RECORD_TEXT},
	{"unused_for", RECORD_NUMBER},
	{NULL, 0},
};

static bool is_of_objects(const char *name)
{
	return strcmp(name, "secrets") == 0 || strcmp(name, "credentials") == 0;
}

const char *record_check_members(struct arena *a, const struct json *object, const struct record_member *known)
{
	for (const struct json *v = object->child; v != NULL; v = v->next) {
		const struct record_member *m = known;
		while (m->name != NULL && !str_eq(v->key, str_of(m->name)))
			m++;
		if (m->name == NULL)
			return arena_printf(a, "there is no member \"%.*s\".", STR_ARG(v->key)).p;
		if (v->type != JSON_NULL && (m->types >> v->type & 1) == 0)
			return arena_printf(a, "%s isn't of its type.", m->name).p;
		for (const struct json *one = m->types == RECORD_LIST ? v->child : NULL; one != NULL; one = one->next)
			if (one->type != JSON_STRING && !is_of_objects(m->name))
				return arena_printf(a, "%s must be a list of texts.", m->name).p;
	}
	return NULL;
}

bool record_take_time(const struct json *object, const char *key, int64_t *ret)
{
	const struct json *v = json_get(object, key);
	*ret = record_time(v);
	return v == NULL || v->type == JSON_NULL || *ret != 0;
}

/* Exactly `n` bytes of base64. */
static bool take_bytes(struct arena *a, struct str text, size_t n, struct str *ret)
{
	size_t got = 0;
	uint8_t *bytes = arena_alloc(a, n + 3);
	if (text.p == NULL)
		return true;
	if (bytes == NULL || base64_decode(text, bytes, n + 3, &got) != ERR_OK || got != n)
		return false;
	*ret = str_from(bytes, n);
	return true;
}

static const char *take_kept(struct arena *a, const struct json *v, struct import_secret *kept)
{
	int64_t version = kept->version, unused_for = 0;
	if (json_get(v, "version") != NULL && json_integer(json_get(v, "version"), 1, INT32_MAX - 1, &version) != ERR_OK)
		return "version must be an integer from 1 on.";
	if (!record_take_time(v, "created_at", &kept->created_at) || !record_take_time(v, "expires_at", &kept->expires_at))
		return "created_at and expires_at must be times of RFC 3339.";
	if (record_is(v, "unused_for", JSON_NUMBER) &&
	    (json_integer(json_get(v, "unused_for"), 1, UNUSED_FOR_MAX, &unused_for) != ERR_OK || kept->expires_at == 0))
		return "unused_for is an integer of seconds up to 2592000, and goes with an expires_at.";
	kept->version = (int32_t)version;
	kept->unused_for = (int32_t)unused_for;
	kept->key_id = record_text(v, "key_id");
	kept->hint = record_text(v, "hint");
	if (!take_bytes(a, record_text(v, "verifier"), SHA256_LEN, &kept->verifier) ||
	    !take_bytes(a, record_text(v, "salt"), SECRET_SALT_LEN, &kept->salt))
		return "verifier and salt must be base64 of 32 bytes.";
	if ((kept->verifier.p == NULL) != (kept->key_id.p == NULL) || (kept->verifier.p == NULL && kept->salt.p != NULL) ||
	    (kept->salt.p == NULL) != (kept->hint.p == NULL) || (kept->hint.p != NULL && kept->hint.n != SECRET_HINT_LEN))
		return "a verifier goes with its key_id, and a salt with both and with its hint.";
	return NULL;
}

static const char *take_secret(struct arena *a, const struct json *v, struct brought *ret)
{
	if (v->type != JSON_OBJECT)
		return "secrets must be a list of objects.";
	const char *fault = record_check_members(a, v, secret_members);
	if (fault != NULL)
		return fault;
	if (!record_add_secret(ret, record_text(v, "secret"), record_text(v, "hash"), 0))
		return "a client has at most 8 secrets.";
	struct brought_secret *s = &ret->secrets[ret->n - 1];
	fault = take_kept(a, v, &s->kept);
	if (fault == NULL && (s->plain.p != NULL) + (s->hash.p != NULL) + (s->kept.verifier.p != NULL) != 1)
		fault = "each secret has one of secret, hash and verifier.";
	if (fault == NULL && ret->n > 1 && s->kept.version <= s[-1].kept.version)
		fault = "secrets stand in the order of their versions.";
	return fault;
}

static const char *take_secrets(struct arena *a, const struct json *record, struct brought *ret)
{
	struct str plain = record_text(record, "secret"), hash = record_text(record, "secret_hash");
	const struct json *list = json_get(record, "secrets");
	int64_t expires_at = 0;
	bool has_list = list != NULL && list->type == JSON_ARRAY;
	if ((plain.p != NULL) + (hash.p != NULL) + has_list != 1)
		return "a client has one of secret, secret_hash and secrets.";
	if (!record_take_time(record, "secret_expires_at", &expires_at))
		return "secret_expires_at must be a time of RFC 3339.";
	if (!has_list)
		return record_add_secret(ret, plain, hash, expires_at) ? NULL : "";
	for (const struct json *v = list->child; v != NULL; v = v->next) {
		const char *fault = take_secret(a, v, ret);
		if (fault != NULL)
			return fault;
	}
	return ret->n > 0 ? NULL : "secrets is empty.";
}

static struct networks networks_at(struct arena *a, const struct json *record, const char *key)
{
	struct words words = record_words(a, json_get(record, key), "", NULL);
	return (struct networks){.v = words.v, .n = words.n};
}

static enum change change_at(const struct json *record, const char *key)
{
	return record_is(record, key, JSON_TRUE) ? CHANGE_ON : record_is(record, key, JSON_FALSE) ? CHANGE_OFF : CHANGE_NONE;
}

static void take_organization(struct arena *a, const struct json *record, struct import_client *c)
{
	c->organization = record_text(record, "organization");
	c->organization_id = record_text(record, "organization_id");
	c->organization_name = record_text(record, "organization_name");
	c->issuer = record_text(record, "organization_issuer");
	c->external_id = record_text(record, "organization_external_id");
	c->organization_networks = networks_at(a, record, "organization_networks");
	c->organization_disabled = record_is(record, "organization_disabled", JSON_TRUE);
}

static void take_spec(struct arena *a, const struct json *record, struct client_spec *spec)
{
	spec->name = record_text(record, "name");
	spec->roles = record_words(a, json_get(record, "roles"), "", NULL);
	spec->scopes = record_words(a, json_get(record, "scopes"), "", NULL);
	spec->audiences = record_words(a, json_get(record, "audiences"), "", NULL);
	spec->token_type = record_text(record, "token_type");
	spec->networks = networks_at(a, record, "allowed_networks");
	spec->auth_methods = record_words(a, json_get(record, "auth_methods"), "", NULL);
	spec->token_binding = record_text(record, "token_binding");
	spec->profile = record_text(record, "profile");
	spec->is_default = change_at(record, "default");
	spec->disabled = change_at(record, "disabled");
}

const char *record_read_own(struct arena *a, const struct json *record, struct brought *ret)
{
	const char *fault = record_check_members(a, record, members);
	int64_t lifetime = 0, max_age = 0;
	if (fault != NULL)
		return fault;
	if (record_is(record, "token_lifetime", JSON_NUMBER) &&
	    json_integer(json_get(record, "token_lifetime"), CLIENT_LIFETIME_MIN, CLIENT_LIFETIME_MAX, &lifetime) != ERR_OK)
		return "token_lifetime must be an integer of seconds from 60 to 2592000.";
	if (record_is(record, "organization_secret_max_age", JSON_NUMBER) &&
	    json_integer(json_get(record, "organization_secret_max_age"), SECRET_MAX_AGE_MIN, SECRET_MAX_AGE_MAX, &max_age) != ERR_OK)
		return "organization_secret_max_age must be an integer of seconds from 3600 to 315360000.";
	take_organization(a, record, &ret->client);
	ret->client.secret_max_age = (int32_t)max_age;
	take_spec(a, record, &ret->client.spec);
	ret->client.spec.token_lifetime = (int32_t)lifetime;
	ret->client.client_id = record_text(record, "client_id");
	fault = record_take_credentials(a, json_get(record, "credentials"), clock_wall_us(), &ret->client);
	return fault != NULL ? fault : take_secrets(a, record, ret);
}
