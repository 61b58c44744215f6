/* The exports of other products: one function for each, from its own names to ours. */
#include "base/base64.h"
#include "crypto/foreign_secret.h"
#include "import_record.h"

#define CLIENT_CREDENTIALS "client_credentials"

static const char no_grant[] = "it may not use the grant client_credentials";
static const char no_secret[] = "it authenticates without a secret";
static const char too_many_secrets[] = "it has more than 8 secrets.";

static struct str first_text(const struct json *record, const char *a, const char *b)
{
	struct str text = record_text(record, a);
	return text.p != NULL ? text : record_text(record, b);
}

static const struct json *first_of(const struct json *record, const char *a, const char *b)
{
	const struct json *v = json_get(record, a);
	return v != NULL ? v : json_get(record, b);
}

/* The nearest lifetime that a client may have; none for none. */
static int32_t lifetime_of(int64_t seconds)
{
	if (seconds <= 0)
		return 0;
	return (int32_t)(seconds < CLIENT_LIFETIME_MIN   ? CLIENT_LIFETIME_MIN
			 : seconds > CLIENT_LIFETIME_MAX ? CLIENT_LIFETIME_MAX
							 : seconds);
}

static int64_t integer_of(const struct json *v)
{
	int64_t n = 0;
	if (v == NULL || (v->type != JSON_STRING && v->type != JSON_NUMBER))
		return 0;
	if (v->type == JSON_NUMBER && json_rounded(v, JSON_DOWN, 0, INT64_MAX / 2, &n) == ERR_OK)
		return n;
	return str_to_i64(v->text, 0, INT64_MAX / 2, &n) == ERR_OK ? n : 0;
}

/* A secret that is stored as it is, or hashed: the forms of hashes tell. */
static bool add_stored(struct brought *b, struct str stored, int64_t expires_at)
{
	char space[FOREIGN_HASH_MAX];
	struct str plain = STR_NONE, canonical;
	if (foreign_noop(stored, &plain))
		return record_add_secret(b, plain, STR_NONE, expires_at);
	bool hashed = foreign_hash_canonical(stored, space, &canonical) != ERR_MALFORMED || (stored.n > 0 && stored.p[0] == '$');
	return record_add_secret(b, hashed ? STR_NONE : stored, hashed ? stored : STR_NONE, expires_at);
}

/* ---- Keycloak: a realm's export, or the clients of its admin API ---- */

/* What every realm has, and no API of yours. */
static bool is_keycloaks(struct str scope)
{
	static const char *const scopes[] = {"acr",          "address", "basic",   "email", "microprofile-jwt", "offline_access",
					     "organization", "phone",   "profile", "roles", "service_account",  "web-origins"};
	for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++)
		if (str_eq(scope, str_of(scopes[i])))
			return true;
	return false;
}

static struct words keycloak_scopes(struct arena *a, const struct json *record)
{
	const struct words lists[] = {record_words(a, json_get(record, "defaultClientScopes"), "", NULL),
				      record_words(a, json_get(record, "optionalClientScopes"), "", NULL)};
	struct str *v = arena_alloc(a, (lists[0].n + lists[1].n + 1) * sizeof *v);
	struct words all = {v, 0};
	for (size_t l = 0; v != NULL && l < 2; l++)
		for (size_t i = 0; i < lists[l].n; i++)
			if (!is_keycloaks(lists[l].v[i]))
				v[all.n++] = lists[l].v[i];
	return all.n > 0 ? all : (struct words){NULL, 0};
}

static const char *keycloak_secrets(const struct json *record, struct brought *ret)
{
	const struct json *attributes = json_get(record, "attributes");
	struct str secret = record_text(record, "secret"), rotated = record_text(attributes, "client.secret.rotated");
	int64_t rotated_ends = record_time(json_get(attributes, "client.secret.rotated.expiration.time"));
	if (secret.p == NULL || str_eq(secret, STR("**********")))
		return "the export hides its secret: see moving-in.md for one that doesn't.";
	if (rotated.p != NULL && rotated_ends > 0)
		(void)record_add_secret(ret, rotated, STR_NONE, rotated_ends);
	(void)record_add_secret(ret, secret, STR_NONE, record_time(json_get(attributes, "client.secret.expiration.time")));
	return NULL;
}

static const char *read_keycloak(struct arena *a, const struct json *record, struct brought *ret)
{
	struct str authenticator = record_text(record, "clientAuthenticatorType"), protocol = record_text(record, "protocol");
	ret->client.client_id = record_text(record, "clientId");
	if (!record_is(record, "serviceAccountsEnabled", JSON_TRUE) || (protocol.p != NULL && !str_eq(protocol, STR("openid-connect"))))
		ret->left_out = no_grant;
	else if (authenticator.p != NULL && !str_starts(authenticator, STR("client-secret")))
		ret->left_out = no_secret;
	if (ret->left_out != NULL)
		return NULL;
	ret->client.spec.name = record_text(record, "name");
	ret->client.spec.disabled = record_is(record, "enabled", JSON_FALSE) ? CHANGE_ON : CHANGE_NONE;
	ret->client.spec.scopes = keycloak_scopes(a, record);
	ret->client.spec.token_lifetime = lifetime_of(integer_of(json_get(json_get(record, "attributes"), "access.token.lifespan")));
	return keycloak_secrets(record, ret);
}

/* ---- Ory Hydra: rows of hydra_client, or the clients of its API ---- */

/* Nanoseconds in its table, "1h30m0s" in its API. */
static int64_t hydra_duration(const struct json *v)
{
	int64_t seconds = 0, n = 0;
	if (v == NULL || v->type != JSON_STRING)
		return integer_of(v) / 1000000000;
	for (size_t i = 0; i < v->text.n && n < INT32_MAX; i++) {
		char c = v->text.p[i];
		if (c >= '0' && c <= '9') {
			n = 10 * n + c - '0';
			continue;
		}
		seconds += n * (c == 'h' ? 3600 : c == 'm' ? 60 : c == 's' ? 1 : 0);
		n = 0;
	}
	return seconds;
}

static const char *read_hydra(struct arena *a, const struct json *record, struct brought *ret)
{
	struct str method = record_text(record, "token_endpoint_auth_method"), secret = record_text(record, "client_secret");
	struct words grants = record_words(a, json_get(record, "grant_types"), "|, ", NULL);
	ret->client.client_id = first_text(record, "client_id", "id");
	if (grants.v != NULL && !words_have(&grants, CLIENT_CREDENTIALS))
		ret->left_out = no_grant;
	else if (str_eq(method, STR("none")) || str_eq(method, STR("private_key_jwt")))
		ret->left_out = no_secret;
	if (ret->left_out != NULL)
		return NULL;
	ret->client.spec.name = record_text(record, "client_name");
	ret->client.spec.scopes = record_words(a, json_get(record, "scope"), " ", NULL);
	ret->client.spec.audiences = record_words(a, json_get(record, "audience"), "|", NULL);
	ret->client.spec.token_lifetime = lifetime_of(hydra_duration(json_get(record, "client_credentials_grant_access_token_lifespan")));
	if (secret.n > 0)
		(void)add_stored(ret, secret, record_time(json_get(record, "client_secret_expires_at")));
	return NULL;
}

/* ---- Auth0: the clients of its Management API ---- */

static const char *read_auth0(struct arena *a, const struct json *record, struct brought *ret)
{
	struct words grants = record_words(a, json_get(record, "grant_types"), "", NULL);
	ret->client.client_id = record_text(record, "client_id");
	if (!words_have(&grants, CLIENT_CREDENTIALS) || record_is(record, "global", JSON_TRUE))
		ret->left_out = no_grant;
	else if (str_eq(record_text(record, "token_endpoint_auth_method"), STR("none")))
		ret->left_out = no_secret;
	if (ret->left_out != NULL)
		return NULL;
	if (record_text(record, "client_secret").p == NULL)
		return "the export has no client_secret: its token needs the scope read:client_keys.";
	ret->client.spec.name = record_text(record, "name");
	ret->client.spec.token_lifetime = lifetime_of(integer_of(json_get(json_get(record, "jwt_configuration"), "lifetime_in_seconds")));
	(void)record_add_secret(ret, record_text(record, "client_secret"), STR_NONE, 0);
	return NULL;
}

/* ---- Spring Authorization Server: rows of oauth2_registered_client ---- */

/* token_settings is JSON in a text: {"settings.token.access-token-time-to-live":
 * ["java.time.Duration",300.0]}. */
static int64_t spring_lifetime(struct arena *a, const struct json *settings)
{
	const struct json *parsed = NULL, *pair;
	if (settings == NULL || settings->type != JSON_STRING ||
	    json_parse(a, settings->text, (struct json_limits){.max_depth = 8, .max_values = 200}, &parsed) != ERR_OK)
		return 0;
	pair = json_get(parsed, "settings.token.access-token-time-to-live");
	return pair != NULL && pair->type == JSON_ARRAY && pair->child != NULL ? integer_of(pair->child->next) : 0;
}

static const char *read_spring(struct arena *a, const struct json *record, struct brought *ret)
{
	struct words grants = record_words(a, json_get(record, "authorization_grant_types"), ",", NULL);
	struct words methods = record_words(a, json_get(record, "client_authentication_methods"), ",", NULL);
	struct str secret = record_text(record, "client_secret");
	ret->client.client_id = record_text(record, "client_id");
	if (!words_have(&grants, CLIENT_CREDENTIALS))
		ret->left_out = no_grant;
	else if (secret.p == NULL || !(words_have(&methods, "client_secret_basic") || words_have(&methods, "client_secret_post")))
		ret->left_out = no_secret;
	if (ret->left_out != NULL)
		return NULL;
	ret->client.spec.name = record_text(record, "client_name");
	ret->client.spec.scopes = record_words(a, json_get(record, "scopes"), ",", NULL);
	ret->client.spec.token_lifetime = lifetime_of(spring_lifetime(a, json_get(record, "token_settings")));
	const struct json *ends = json_get(record, "client_secret_expires_at");
	if (ends != NULL && ends->type != JSON_NULL && record_time(ends) == 0)
		return "client_secret_expires_at isn't a time of RFC 3339: see moving-in.md for the query.";
	(void)add_stored(ret, secret, record_time(ends));
	return NULL;
}

/* ---- Duende IdentityServer: its tables, or its configuration ---- */

/* Those that end come first, so that one without an end is the current one, if there is one. */
static const char *duende_secrets(const struct json *list, bool ending, struct brought *ret)
{
	for (const struct json *v = list != NULL ? list->child : NULL; v != NULL; v = v->next) {
		const struct json *ends = first_of(v, "Expiration", "expiration");
		struct str type = first_text(v, "Type", "type"), value = first_text(v, "Value", "value");
		bool has_end = ends != NULL && ends->type != JSON_NULL;
		if ((type.p != NULL && !str_eq(type, STR("SharedSecret"))) || value.p == NULL || has_end != ending)
			continue;
		if (has_end && record_time(ends) == 0)
			return "Expiration isn't a time of RFC 3339.";
		if (!record_add_secret(ret, STR_NONE, value, record_time(ends)))
			return too_many_secrets;
	}
	return NULL;
}

static const char *read_duende(struct arena *a, const struct json *record, struct brought *ret)
{
	struct words grants = record_words(a, first_of(record, "AllowedGrantTypes", "allowedGrantTypes"), "", "GrantType");
	const struct json *secrets = first_of(record, "ClientSecrets", "clientSecrets");
	ret->client.client_id = first_text(record, "ClientId", "clientId");
	if (!words_have(&grants, CLIENT_CREDENTIALS))
		ret->left_out = no_grant;
	if (ret->left_out != NULL)
		return NULL;
	ret->client.spec.name = first_text(record, "ClientName", "clientName");
	ret->client.spec.scopes = record_words(a, first_of(record, "AllowedScopes", "allowedScopes"), "", "Scope");
	ret->client.spec.token_lifetime = lifetime_of(integer_of(first_of(record, "AccessTokenLifetime", "accessTokenLifetime")));
	bool off = record_is(record, "Enabled", JSON_FALSE) || record_is(record, "enabled", JSON_FALSE);
	ret->client.spec.disabled = off ? CHANGE_ON : CHANGE_NONE;
	const char *fault = duende_secrets(secrets, true, ret);
	if (fault == NULL)
		fault = duende_secrets(secrets, false, ret);
	if (fault == NULL && ret->n == 0)
		ret->left_out = no_secret;
	return fault;
}

/* ---- django-oauth-toolkit: dumpdata oauth2_provider.application ---- */

static const char *read_django(struct arena *a, const struct json *record, struct brought *ret)
{
	const struct json *fields = json_get(record, "fields") != NULL ? json_get(record, "fields") : record;
	struct str secret = record_text(fields, "client_secret");
	(void)a;
	ret->client.client_id = record_text(fields, "client_id");
	if (!str_eq(record_text(fields, "authorization_grant_type"), STR("client-credentials")))
		ret->left_out = no_grant;
	else if (str_eq(record_text(fields, "client_type"), STR("public")) || secret.n == 0)
		ret->left_out = no_secret;
	if (ret->left_out != NULL)
		return NULL;
	ret->client.spec.name = record_text(fields, "name");
	if (record_is(fields, "hash_client_secret", JSON_FALSE))
		(void)record_add_secret(ret, secret, STR_NONE, 0);
	else
		(void)add_stored(ret, secret, 0);
	return NULL;
}

/* ---- Zitadel: rows of its projections ---- */

/* The hash as a text, or as it was until 2.49: {"CryptoType":2,"Algorithm":"bcrypt","Crypted":
 * base64}. */
static struct str zitadel_hash(struct arena *a, const struct json *v)
{
	size_t n = 0;
	if (v == NULL || v->type != JSON_OBJECT)
		return v != NULL && v->type == JSON_STRING ? v->text : STR_NONE;
	struct str coded = first_text(v, "Crypted", "crypted");
	char *bytes = arena_alloc(a, BASE64_DECODED_MAX(coded.n));
	if (coded.p == NULL || bytes == NULL || base64_decode(coded, bytes, BASE64_DECODED_MAX(coded.n), &n) != ERR_OK)
		return STR_NONE;
	return str_from(bytes, n);
}

static const char *read_zitadel(struct arena *a, const struct json *record, struct brought *ret)
{
	struct str hash = zitadel_hash(a, first_of(record, "client_secret", "secret"));
	ret->client.client_id = first_text(record, "client_id", "username");
	if (hash.n == 0) {
		ret->left_out = no_secret;
		return NULL;
	}
	ret->client.spec.name = record_text(record, "name");
	(void)record_add_secret(ret, STR_NONE, hash, 0);
	return NULL;
}

/* ---- Logto: rows of applications, or the applications of its Management API ---- */

static const char *read_logto(struct arena *a, const struct json *record, struct brought *ret)
{
	const struct json *list = json_get(record, "secrets");
	struct str secret = record_text(record, "secret");
	(void)a;
	ret->client.client_id = record_text(record, "id");
	if (!str_eq(record_text(record, "type"), STR("MachineToMachine"))) {
		ret->left_out = no_grant;
		return NULL;
	}
	ret->client.spec.name = record_text(record, "name");
	for (const struct json *v = list != NULL ? list->child : NULL; v != NULL; v = v->next) {
		const struct json *ends = first_of(v, "expires_at", "expiresAt");
		int64_t ms = ends != NULL && ends->type == JSON_NUMBER ? integer_of(ends) : 0;
		if (!record_add_secret(ret, record_text(v, "value"), STR_NONE, ms > 0 ? ms * 1000 : record_time(ends)))
			return too_many_secrets;
	}
	if (ret->n == 0 && secret.n > 0)
		(void)record_add_secret(ret, secret, STR_NONE, 0);
	return NULL;
}

/* ---- authentik: /api/v3/providers/oauth2/ ---- */

/* "hours=1;minutes=5" */
static int64_t authentik_duration(struct str text)
{
	static const struct {
		struct str name;
		int64_t seconds;
	} units[] = {{STR("seconds="), 1}, {STR("minutes="), 60}, {STR("hours="), 3600}, {STR("days="), 86400}, {STR("weeks="), 604800}};
	int64_t seconds = 0, n = 0;
	while (text.p != NULL) {
		struct str part = str_trim(str_split(&text, ';'));
		for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
			if (str_starts(part, units[i].name) &&
			    str_to_i64(str_from(part.p + units[i].name.n, part.n - units[i].name.n), 0, 1000000, &n) == ERR_OK)
				seconds += n * units[i].seconds;
	}
	return seconds;
}

static const char *read_authentik(struct arena *a, const struct json *record, struct brought *ret)
{
	struct words grants = record_words(a, json_get(record, "grant_types"), "", NULL);
	ret->client.client_id = record_text(record, "client_id");
	if (grants.v != NULL && !words_have(&grants, CLIENT_CREDENTIALS))
		ret->left_out = no_grant;
	else if (!str_eq(record_text(record, "client_type"), STR("confidential")))
		ret->left_out = no_secret;
	if (ret->left_out != NULL)
		return NULL;
	ret->client.spec.name = record_text(record, "name");
	ret->client.spec.token_lifetime = lifetime_of(authentik_duration(record_text(record, "access_token_validity")));
	if (record_text(record, "client_secret").n > 0)
		(void)record_add_secret(ret, record_text(record, "client_secret"), STR_NONE, 0);
	return NULL;
}

const struct record_form *record_form(struct str name)
{
	static const struct record_form forms[] = {
		{NULL, NULL, record_read_own},  {"keycloak", "clients", read_keycloak},
		{"hydra", "items", read_hydra}, {"auth0", "clients", read_auth0},
		{"spring", NULL, read_spring},  {"duende", "Clients", read_duende},
		{"django", NULL, read_django},  {"zitadel", NULL, read_zitadel},
		{"logto", NULL, read_logto},    {"authentik", "results", read_authentik},
	};
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
		if (str_eq(name, str_of(forms[i].name)))
			return &forms[i];
	return NULL;
}
