/* token -> three parts -> header checked member by member -> claims as strict JSON; only then
 * may a key look at the signature. */
#include "crypto/jwt.h"

#include "base/base64.h"
#include "crypto/signing_key_parts.h"
#include "json/json_read.h"

#define HEADER_TEXT_MAX 1024

const struct jwt_form jwt_form_bearer = {.typs = {"JWT", "at+jwt", "application/at+jwt"}};

static const struct json_limits header_limits = {.max_depth = 2, .max_values = 16};
static const struct json_limits header_with_jwk_limits = {.max_depth = 3, .max_values = 32};
static const struct json_limits claims_limits = {.max_depth = 8, .max_values = 4096, .max_members = 512};

static enum err decode_part(struct arena *a, struct str part, struct str *ret)
{
	size_t cap = BASE64_DECODED_MAX(part.n), n;
	char *bytes = arena_alloc(a, cap);

	if (part.n == 0 || bytes == NULL || base64url_decode(part, bytes, cap, &n) != ERR_OK)
		return ERR_MALFORMED;
	*ret = str_from(bytes, n);
	return ERR_OK;
}

static enum err decode_object(struct arena *a, struct str part, struct json_limits limits, struct str *ret_text, const struct json **ret)
{
	if (decode_part(a, part, ret_text) != ERR_OK || json_parse(a, *ret_text, limits, ret) != ERR_OK)
		return ERR_MALFORMED;
	return (*ret)->type == JSON_OBJECT ? ERR_OK : ERR_MALFORMED;
}

/* Each of these would have the token choose its own key, or change what the signature covers. */
static bool has_forbidden_member(const struct json *header)
{
	static const char *const forbidden[] = {"crit", "jku", "x5u", "x5c", "b64", "zip"};

	for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++)
		if (json_get(header, forbidden[i]) != NULL)
			return true;
	return false;
}

/* Only ever compared with the kids of known keys; RFC 7515 leaves its form to whoever made the
 * key. */
bool kid_well_formed(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e)
			return false;
	return s.n > 0 && s.n <= KID_MAX;
}

static bool is_typ_of(const struct jwt_form *form, struct str s)
{
	for (size_t i = 0; i < sizeof form->typs / sizeof form->typs[0] && form->typs[i] != NULL; i++)
		if (str_eq_nocase(s, str_of(form->typs[i])))
			return true;
	return false;
}

static bool typ_fits(const struct jwt_form *form, const struct json *header, struct str *ret)
{
	enum err err = json_string(json_get(header, "typ"), ret);

	return err == ERR_NOT_PRESENT ? !form->typ_wanted : err == ERR_OK && is_typ_of(form, *ret);
}

static bool jwk_fits(const struct jwt_form *form, const struct json *header, const struct json **ret)
{
	*ret = json_get(header, "jwk");
	return form->embeds_jwk ? *ret != NULL && (*ret)->type == JSON_OBJECT : *ret == NULL;
}

static enum err read_header(const struct jwt_form *form, const struct json *header, struct jwt *jwt)
{
	struct str alg;

	if (has_forbidden_member(header))
		return ERR_MALFORMED;
	if (json_string(json_get(header, "alg"), &alg) != ERR_OK || jwt_alg_named(alg, &jwt->alg) != ERR_OK)
		return ERR_MALFORMED;
	enum err err = json_string(json_get(header, "kid"), &jwt->kid);
	if (err != ERR_NOT_PRESENT && (err != ERR_OK || !kid_well_formed(jwt->kid)))
		return ERR_MALFORMED;
	return typ_fits(form, header, &jwt->typ) && jwk_fits(form, header, &jwt->jwk) ? ERR_OK : ERR_MALFORMED;
}

enum err jwt_parse(struct arena *a, struct str token, struct jwt *ret)
{
	return jwt_parse_as(&jwt_form_bearer, a, token, ret);
}

enum err jwt_parse_as(const struct jwt_form *form, struct arena *a, struct str token, struct jwt *ret)
{
	struct jwt jwt = {.token = token};
	struct str rest = token, header_text;
	const struct json *header;

	if (token.n > JWT_MAX_LEN)
		return ERR_MALFORMED;
	struct str header_part = str_split(&rest, '.');
	struct str claims_part = str_split(&rest, '.');
	struct str signature_part = str_split(&rest, '.');
	if (signature_part.p == NULL || rest.p != NULL)
		return ERR_MALFORMED;
	if (header_part.n > BASE64URL_LEN(HEADER_TEXT_MAX) || signature_part.n > BASE64URL_LEN(SIGNATURE_MAX))
		return ERR_MALFORMED;

	struct json_limits limits = form->embeds_jwk ? header_with_jwk_limits : header_limits;
	if (decode_object(a, header_part, limits, &header_text, &header) != ERR_OK || read_header(form, header, &jwt) != ERR_OK)
		return ERR_MALFORMED;
	if (decode_object(a, claims_part, claims_limits, &jwt.claims, &jwt.claims_json) != ERR_OK)
		return ERR_MALFORMED;
	if (decode_part(a, signature_part, &jwt.signature) != ERR_OK)
		return ERR_MALFORMED;
	jwt.signing_input = str_from(token.p, header_part.n + 1 + claims_part.n);
	*ret = jwt;
	return ERR_OK;
}

enum err jwt_verify(struct signing_key *key, const struct jwt *jwt)
{
	if (key->alg != jwt->alg)
		return ERR_MISMATCH;
	return signing_key_verify(key, jwt->signing_input, jwt->signature);
}

enum err jwt_draft(const struct signing_key *key, bool at_jwt, struct str claims, struct sbuf *out, struct jwt_draft *ret)
{
	*ret = (struct jwt_draft){.out = out, .start = out->n};
	sbuf_putz(out, key->headers[at_jwt]);
	sbuf_putc(out, '.');
	sbuf_put_base64url(out, claims);
	return out->overflow ? ERR_TOO_LARGE : ERR_OK;
}

enum err jwt_sign_drafts(struct signing_key *key, const struct jwt_draft *drafts, size_t n)
{
	struct str inputs[SIGNING_GROUP_MAX] = {STR_NONE};
	uint8_t signatures[SIGNING_GROUP_MAX][SIGNATURE_MAX];
	size_t lengths[SIGNING_GROUP_MAX];

	for (size_t i = 0; i < n; i++)
		inputs[i] = str_from(drafts[i].out->p + drafts[i].start, drafts[i].out->n - drafts[i].start);
	if (signing_key_sign_all(key, inputs, n, signatures, lengths) != ERR_OK)
		return ERR_CRYPTO;
	for (size_t i = 0; i < n; i++) {
		sbuf_putc(drafts[i].out, '.');
		sbuf_put_base64url(drafts[i].out, str_from(signatures[i], lengths[i]));
	}
	return ERR_OK;
}

enum err jwt_sign(struct signing_key *key, bool at_jwt, struct str claims, struct sbuf *out)
{
	struct jwt_draft draft;

	if (jwt_draft(key, at_jwt, claims, out, &draft) != ERR_OK)
		return ERR_TOO_LARGE;
	if (jwt_sign_drafts(key, &draft, 1) != ERR_OK) {
		out->n = draft.start;
		out->p[draft.start] = '\0';
		return ERR_CRYPTO;
	}
	return out->overflow ? ERR_TOO_LARGE : ERR_OK;
}
