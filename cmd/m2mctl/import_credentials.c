/* The keys, certificates and workloads of a client that is brought along: each is read as if
 * somebody registered it now, and its id must be what it says. */
#include "base/base64.h"
#include "config/words.h"
#include "crypto/digest.h"
#include "import_record.h"
#include "json/json_write.h"

#define CREDENTIALS_MAX ((size_t)3 * IMPORT_CREDENTIALS_MAX) /* of all kinds */

static const struct record_member members[] = {
	{"kind", RECORD_TEXT},       {"credential_id", RECORD_TEXT}, {"name", RECORD_TEXT},       {"public_key", RECORD_TEXT},
	{"issuer", RECORD_TEXT},     {"subject", RECORD_TEXT},       {"audience", RECORD_TEXT},   {"claims", RECORD_OBJECT},
	{"may_replay", RECORD_BOOL}, {"created_at", RECORD_TEXT},    {"expires_at", RECORD_TEXT}, {NULL, 0},
};

static const char *fault_of(enum err err, const char *why)
{
	return err == ERR_OK ? NULL : err == ERR_MALFORMED ? why : "its credentials can't be read.";
}

static const char *read_key(struct arena *a, const struct json *v, int64_t now, struct client_credential_spec *ret)
{
	const char *why = NULL;
	struct str key = record_text(v, "public_key");
	if (key.p == NULL)
		return "a key has its public_key.";
	enum err err = client_credential_read_key(a, key, record_text(v, "name"), 0, now, ret, &why);
	return fault_of(err, why);
}

static bool is_thumbprint(struct str text)
{
	uint8_t bytes[SHA256_LEN];
	size_t n = 0;
	return text.n == BASE64URL_LEN(SHA256_LEN) && base64url_decode(text, bytes, sizeof bytes, &n) == ERR_OK && n == SHA256_LEN;
}

/* One that is pinned is known by its thumbprint alone. */
static const char *read_certificate(struct arena *a, const struct json *v, int64_t now, struct client_credential_spec *ret)
{
	static const struct str pinned = STR("x5t#S256:");
	struct str id = record_text(v, "credential_id"), name = record_text(v, "name");
	struct certificate_input input = {.pem = STR_NONE};
	const char *why = NULL;
	for (int kind = 0; kind < CERTIFICATE_NAME_COUNT; kind++) {
		struct str parameter = str_of(certificate_name_parameter((enum certificate_name)kind));
		if (id.p != NULL && str_starts(id, parameter) && id.n > parameter.n && id.p[parameter.n] == ':')
			input.names[kind] = str_from(id.p + parameter.n + 1, id.n - parameter.n - 1);
	}
	if (id.p == NULL || !str_starts(id, pinned)) {
		enum err err = client_credential_read_certificate(a, &input, name, 0, now, ret, &why);
		return fault_of(err, why);
	}
	if (!is_thumbprint(str_from(id.p + pinned.n, id.n - pinned.n)) || !word_is_name(name))
		return "a certificate's credential_id is x5t#S256: and its thumbprint, or tls_client_auth_... and its name.";
	*ret = (struct client_credential_spec){.credential_id = id, .kind = STR("certificate"), .name = name};
	return NULL;
}

static const char *read_workload(struct arena *a, const struct json *v, int64_t now, struct client_credential_spec *ret)
{
	struct sbuf claims = sbuf_in(a, 4096);
	struct workload_terms terms = {.issuer = record_text(v, "issuer"),
				       .subject = record_text(v, "subject"),
				       .audience = record_text(v, "audience"),
				       .may_replay = record_is(v, "may_replay", JSON_TRUE)};
	const char *why = NULL;
	if (record_is(v, "claims", JSON_OBJECT)) {
		struct json_out o = json_out_start(&claims);
		json_put_value(&o, json_get(v, "claims"));
		terms.claims = sbuf_str(&claims);
	}
	if (terms.issuer.p == NULL || terms.audience.p == NULL)
		return "a workload has its issuer and its audience.";
	enum err err = client_credential_read_workload(a, &terms, record_text(v, "name"), 0, now, ret, &why);
	return fault_of(err, why);
}

static const char *read_spec(struct arena *a, const struct json *v, int64_t now, struct client_credential_spec *ret)
{
	static const struct {
		struct str kind;
		const char *(*read)(struct arena *a, const struct json *v, int64_t now, struct client_credential_spec *ret);
	} kinds[] = {{STR("key"), read_key}, {STR("certificate"), read_certificate}, {STR("workload"), read_workload}};
	struct str kind = record_text(v, "kind");
	for (size_t i = 0; kind.p != NULL && i < sizeof kinds / sizeof *kinds; i++)
		if (str_eq(kind, kinds[i].kind))
			return kinds[i].read(a, v, now, ret);
	return "a credential's kind is key, certificate or workload.";
}

static const char *take_credential(struct arena *a, const struct json *v, int64_t now, struct import_credential *ret)
{
	struct import_credential c = {.created_at = 0};
	int64_t expires_at = 0;
	if (v->type != JSON_OBJECT)
		return "credentials must be a list of objects.";
	const char *fault = record_check_members(a, v, members);
	if (fault == NULL)
		fault = read_spec(a, v, now, &c.spec);
	if (fault != NULL)
		return fault;
	if (!record_take_time(v, "created_at", &c.created_at) || !record_take_time(v, "expires_at", &expires_at))
		return "created_at and expires_at must be times of RFC 3339.";
	struct str id = record_text(v, "credential_id");
	if (id.p != NULL && !str_eq(id, c.spec.credential_id))
		return "a credential_id isn't that of what stands beside it.";
	c.spec.expires_at = expires_at;
	*ret = c;
	return NULL;
}

/* Another one with its id; or too many of its kind. */
static const char *among(const struct import_credential *all, size_t n)
{
	const struct client_credential_spec *last = &all[n - 1].spec;
	size_t same_kind = 0;
	for (size_t i = 0; i < n; i++) {
		same_kind += str_eq(all[i].spec.kind, last->kind);
		if (i < n - 1 && str_eq(all[i].spec.credential_id, last->credential_id))
			return "a credential stands there twice.";
	}
	return same_kind > IMPORT_CREDENTIALS_MAX ? "a client has at most 8 keys, 8 certificates and 8 workloads." : NULL;
}

const char *record_take_credentials(struct arena *a, const struct json *list, int64_t now, struct import_client *client)
{
	struct import_credential *all = NULL;
	size_t n = 0;
	if (list == NULL || list->type != JSON_ARRAY || list->child == NULL)
		return NULL;
	all = arena_alloc(a, (CREDENTIALS_MAX + 1) * sizeof *all);
	for (const struct json *v = list->child; v != NULL; v = v->next) {
		const char *fault = all == NULL ? "its credentials can't be read." : take_credential(a, v, now, &all[n]);
		if (fault == NULL)
			fault = among(all, ++n);
		if (fault != NULL)
			return fault;
	}
	client->credentials = all;
	client->credentials_n = n;
	return NULL;
}
