#include "sql/client_credential.h"

#include <stdlib.h>

#include "base/base64.h"
#include "base/visible.h"
#include "config/words.h"
#include "crypto/client_key.h"
#include "crypto/digest.h"
#include "json/json_read.h"
#include "json/json_write.h"

/* As deep as a JWK with certificates, in a set. */
static const struct json_limits limits = {.max_depth = 5, .max_values = 96};

static enum err refuse(const char *why, const char **ret_why)
{
	*ret_why = why;
	return ERR_MALFORMED;
}

/* *text becomes the JWK of a set of one (RFC 7517 section 5); anything but a set stays. False: a
 * set of several, or of none. */
static bool only_key(struct arena *a, struct str *text)
{
	const struct json *set = NULL;
	const struct json *keys = json_parse(a, *text, limits, &set) == ERR_OK ? json_get(set, "keys") : NULL;
	if (keys == NULL)
		return true;
	if (keys->type != JSON_ARRAY || keys->child == NULL || keys->child->next != NULL)
		return false;
	struct sbuf out = sbuf_in(a, text->n);
	struct json_out o = json_out_start(&out);
	json_put_value(&o, keys->child);
	*text = sbuf_str(&out);
	return true;
}

/* What any credential has besides. */
static enum err check_common(struct str name, int64_t expires_at, int64_t now, const char **ret_why)
{
	if (!word_is_name(name))
		return refuse("name must be text of at most 200 characters, without control characters, invisible ones and marks of "
			      "direction.",
			      ret_why);
	if (expires_at != 0 && expires_at <= now)
		return refuse("expires_at must be a time to come, in the form of RFC 3339.", ret_why);
	return ERR_OK;
}

enum err client_credential_read_key(struct arena *a, struct str text, struct str name, int64_t expires_at, int64_t now,
				    struct client_credential_spec *ret, const char **ret_why)
{
	struct client_key key;
	enum err err = check_common(name, expires_at, now, ret_why);
	if (err != ERR_OK)
		return err;
	if (text.n > CLIENT_KEY_TEXT_MAX)
		return refuse("The key is longer than 16 KiB.", ret_why);
	if (!only_key(a, &text))
		return refuse("This JWK Set doesn't hold one key; register its keys one by one.", ret_why);
	err = client_key_read(a, text, &key, ret_why);
	if (err != ERR_OK)
		return err;
	*ret = (struct client_credential_spec){
		.credential_id = arena_copy(a, str_of(key.thumbprint_text)),
		.kind = STR("key"),
		.public_jwk = key.jwk,
		.name = name,
		.expires_at = expires_at,
	};
	return ret->credential_id.p != NULL ? ERR_OK : ERR_NO_MEMORY;
}

/* ---- certificates ---- */

#define CERTIFICATE_NAME_MAX 1024 /* as long as a stored id may be */

/* This certificate alone, by its thumbprint (RFC 8705 section 2.2). */
static enum err read_pinned(struct arena *a, struct str pem, int64_t now, struct client_credential_spec *spec, const char **ret_why)
{
	struct certificate *c = NULL;
	enum err err = certificate_from_pem(pem, &c);
	if (err == ERR_MALFORMED)
		return refuse("The certificate must be one X.509 certificate in PEM, of at most 16 KiB.", ret_why);
	if (err != ERR_OK)
		return err;
	int64_t end = (certificate_not_after(c) + 1) * 1000000;
	spec->credential_id = arena_printf(a, "x5t#S256:%.*s", STR_ARG(certificate_thumbprint(c)));
	certificate_free(c);
	if (end <= now)
		return refuse("The certificate has expired.", ret_why);
	if (spec->expires_at == 0 || spec->expires_at > end)
		spec->expires_at = end;
	return spec->credential_id.p != NULL ? ERR_OK : ERR_NO_MEMORY;
}

static enum err read_name(struct arena *a, enum certificate_name kind, struct str text, struct client_credential_spec *spec,
			  const char **ret_why)
{
	static const char *const whys[CERTIFICATE_NAME_COUNT] = {
		[CERTIFICATE_SUBJECT_DN] =
			"tls_client_auth_subject_dn must be a distinguished name as RFC 4514 has it, such as CN=billing,O=Acme.",
		[CERTIFICATE_SAN_DNS] = "tls_client_auth_san_dns must be a host's name without a wildcard, such as billing.example.",
		[CERTIFICATE_SAN_URI] = "tls_client_auth_san_uri must be a URI, such as spiffe://example.org/billing.",
		[CERTIFICATE_SAN_IP] = "tls_client_auth_san_ip must be an IPv4 or IPv6 address.",
		[CERTIFICATE_SAN_EMAIL] = "tls_client_auth_san_email must be an e-mail address.",
	};
	struct str canonical = STR_NONE;
	enum err err = certificate_name_canonical(kind, text, a, &canonical);
	if (err == ERR_MALFORMED || (err == ERR_OK && canonical.n > CERTIFICATE_NAME_MAX))
		return refuse(whys[kind], ret_why);
	if (err == ERR_OK)
		spec->credential_id = arena_printf(a, "%s:%.*s", certificate_name_parameter(kind), STR_ARG(canonical));
	return err == ERR_OK && spec->credential_id.p == NULL ? ERR_NO_MEMORY : err;
}

/* The one name that is given; CERTIFICATE_NAME_COUNT: none, or there are several. */
static enum certificate_name only_name(const struct certificate_input *input, size_t *ret_n)
{
	enum certificate_name found = CERTIFICATE_NAME_COUNT;
	*ret_n = 0;
	for (int kind = 0; kind < CERTIFICATE_NAME_COUNT; kind++) {
		if (input->names[kind].p == NULL)
			continue;
		found = (enum certificate_name)kind;
		++*ret_n;
	}
	return found;
}

enum err client_credential_read_certificate(struct arena *a, const struct certificate_input *input, struct str name, int64_t expires_at,
					    int64_t now, struct client_credential_spec *ret, const char **ret_why)
{
	struct client_credential_spec spec = {.kind = STR("certificate"), .name = name, .expires_at = expires_at};
	size_t names = 0;
	enum certificate_name kind = only_name(input, &names);
	enum err err = check_common(name, expires_at, now, ret_why);
	if (err == ERR_OK && names + (input->pem.p != NULL) != 1)
		err = refuse("One of certificate, tls_client_auth_subject_dn, tls_client_auth_san_dns, tls_client_auth_san_uri, "
			     "tls_client_auth_san_ip and tls_client_auth_san_email must be there.",
			     ret_why);
	if (err == ERR_OK)
		err = names == 0 ? read_pinned(a, input->pem, now, &spec, ret_why) : read_name(a, kind, input->names[kind], &spec, ret_why);
	if (err == ERR_OK)
		*ret = spec;
	return err;
}

/* ---- workloads ---- */

static const struct json_limits claims_limits = {.max_depth = WORKLOAD_CLAIMS_DEPTH, .max_values = WORKLOAD_CLAIMS_VALUES};

/* Members with scalar values, or with such objects that aren't empty. A number that isn't an
 * integer has many forms, and the database keeps its own. */
static bool claims_hold(const struct json *object)
{
	for (const struct json *m = object->child; m != NULL; m = m->next) {
		int64_t number;
		bool good = m->type == JSON_OBJECT   ? m->child != NULL && claims_hold(m)
			    : m->type == JSON_NUMBER ? json_integer(m, INT64_MIN, INT64_MAX, &number) == ERR_OK
						     : m->type == JSON_STRING || m->type == JSON_TRUE || m->type == JSON_FALSE;
		if (!good || m->key.n == 0)
			return false;
	}
	return object->type == JSON_OBJECT;
}

static int by_key(const void *a, const void *b)
{
	const struct json *const *one = a;
	const struct json *const *other = b;
	size_t n = (*one)->key.n < (*other)->key.n ? (*one)->key.n : (*other)->key.n;
	int order = memcmp((*one)->key.p, (*other)->key.p, n);
	return order != 0 ? order : ((*one)->key.n > (*other)->key.n) - ((*one)->key.n < (*other)->key.n);
}

static void put_text(struct sbuf *out, struct str text)
{
	sbuf_printf(out, "%zu:", text.n);
	sbuf_put(out, text);
}

/* In one order, whatever order they were written in; a scalar is its text, as it is compared. */
static void put_claims(struct sbuf *out, const struct json *object)
{
	const struct json *members[WORKLOAD_CLAIMS_VALUES];
	size_t n = 0;
	for (const struct json *m = object->child; m != NULL && n < WORKLOAD_CLAIMS_VALUES; m = m->next)
		members[n++] = m;
	qsort(members, n, sizeof *members, by_key);
	sbuf_putc(out, '{');
	for (size_t i = 0; i < n; i++) {
		put_text(out, members[i]->key);
		if (members[i]->type == JSON_OBJECT)
			put_claims(out, members[i]);
		else
			put_text(out, members[i]->type == JSON_TRUE    ? STR("true")
				      : members[i]->type == JSON_FALSE ? STR("false")
								       : members[i]->text);
	}
	sbuf_putc(out, '}');
}

/* Absent: out of memory. */
static struct str thumbprint_of(struct arena *a, const struct workload_terms *t, const struct json *claims)
{
	uint8_t digest[SHA256_LEN];
	char text[THUMBPRINT_TEXT_LEN];
	struct sbuf out = sbuf_in(a, 8192);
	sbuf_putz(&out, t->may_replay ? "workload v1 often " : "workload v1 once ");
	put_text(&out, t->issuer);
	put_text(&out, t->audience);
	if (t->subject.p != NULL)
		put_text(&out, t->subject);
	put_claims(&out, claims);
	if (sbuf_str(&out).p == NULL || sha256(out.p, out.n, digest) != ERR_OK)
		return STR_NONE;
	return arena_copy(a, str_from(text, base64url_encode(text, digest, sizeof digest)));
}

static const char *terms_fault(const struct workload_terms *t)
{
	if (!word_is_audience(t->issuer))
		return "issuer must be the iss of the workload's tokens, or a SPIFFE trust domain's name: 1 to 256 visible ASCII "
		       "characters.";
	if (t->subject.p != NULL && (t->subject.n == 0 || t->subject.n > WORKLOAD_SUBJECT_MAX || !text_is_visible(t->subject, "")))
		return "subject must be the sub of the workload's tokens, 1 to 1024 bytes, or be left out.";
	if (!word_is_audience(t->audience))
		return "audience must be one that the workload's tokens have: 1 to 256 visible ASCII characters.";
	return NULL;
}

enum err client_credential_read_workload(struct arena *a, const struct workload_terms *given, struct str name, int64_t expires_at,
					 int64_t now, struct client_credential_spec *ret, const char **ret_why)
{
	struct workload_terms terms = *given;
	const struct json *claims = NULL;
	enum err common = check_common(name, expires_at, now, ret_why);
	if (common != ERR_OK)
		return common;
	const char *fault = terms_fault(&terms);
	if (fault != NULL)
		return refuse(fault, ret_why);
	struct str text = terms.claims.p == NULL ? STR("{}") : terms.claims;
	if (text.n > WORKLOAD_CLAIMS_MAX || json_parse(a, text, claims_limits, &claims) != ERR_OK || !claims_hold(claims))
		return refuse("claims must be an object of strings, integers, true, false, and such objects, 2048 bytes in all.", ret_why);
	if (terms.subject.p == NULL && claims->child == NULL)
		return refuse("A workload needs a subject, or claims that tell it from others of its issuer.", ret_why);
	struct sbuf out = sbuf_in(a, text.n + 16);
	struct json_out o = json_out_start(&out);
	json_put_value(&o, claims);
	terms.claims = sbuf_str(&out);
	*ret = (struct client_credential_spec){
		.credential_id = thumbprint_of(a, &terms, claims),
		.kind = STR("workload"),
		.workload = terms,
		.name = name,
		.expires_at = expires_at,
	};
	return ret->credential_id.p != NULL && terms.claims.p != NULL ? ERR_OK : ERR_NO_MEMORY;
}
