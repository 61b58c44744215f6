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

/* What all kinds have. NULL: it is right. */
static const char *common_fault(struct str name, int64_t expires_at, int64_t now)
{
	if (!word_is_name(name))
		return "name must be text of at most 200 characters, without control characters, invisible ones and marks of direction.";
	if (expires_at != 0 && expires_at <= now)
		return "expires_at must be a time to come, in the form of RFC 3339.";
	return NULL;
}

enum err client_credential_read_key(struct arena *a, struct str text, struct str name, int64_t expires_at, int64_t now,
				    struct client_credential_spec *ret, const char **ret_why)
{
	struct client_key key;
	const char *fault = common_fault(name, expires_at, now);
	if (fault != NULL)
		return refuse(fault, ret_why);
	if (text.n > CLIENT_KEY_TEXT_MAX)
		return refuse("The key is longer than 16 KiB.", ret_why);
	if (!only_key(a, &text))
		return refuse("This JWK Set doesn't hold one key; register its keys one by one.", ret_why);
	enum err err = client_key_read(a, text, &key, ret_why);
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
	const char *fault = common_fault(name, expires_at, now);
	if (fault == NULL)
		fault = terms_fault(&terms);
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
