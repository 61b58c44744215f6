/* Each rule is a function that answers with the sentence of its refusal, or with NULL. */
#include "op/client_assertion.h"

#include "crypto/secret.h"
#include "crypto/used_once.h"
#include "op/bearer_times.h"

static const struct jwt_form form = {
	.typs = {"JWT", "application/JWT", "client-authentication+jwt", "application/client-authentication+jwt"},
};

enum err client_assertion_parse(struct arena *a, struct str token, struct jwt *ret)
{
	return jwt_parse_as(&form, a, token, ret);
}

enum err client_assertion_subject(const struct jwt *jwt, bool foreign, struct str *ret_client_id)
{
	struct str iss, sub;

	if (json_string(json_get(jwt->claims_json, "iss"), &iss) != ERR_OK ||
	    json_string(json_get(jwt->claims_json, "sub"), &sub) != ERR_OK)
		return ERR_INVALID_CLIENT;
	if (!str_eq(iss, sub) || !(foreign ? foreign_well_formed(sub) : client_id_well_formed(sub)))
		return ERR_INVALID_CLIENT;
	*ret_client_id = sub;
	return ERR_OK;
}

static bool is_string(const struct json *v, struct str wanted)
{
	return v->type == JSON_STRING && str_eq(v->text, wanted);
}

/* RFC 10070: compared as strings (RFC 3986 section 6.2.1). The token endpoint's URL, which RFC
 * 7523 allowed, would let one server use at another what it was given. */
static const char *aud_fault(const struct json *claims, const struct client_assertion_rules *rules)
{
	const struct json *aud = json_get(claims, "aud");

	if (aud == NULL)
		return "The assertion lacks aud, which must be the issuer identifier (RFC 7523 section 3).";
	if (is_string(aud, rules->issuer))
		return NULL;
	if (aud->type != JSON_ARRAY || aud->child == NULL || aud->child->next != NULL || !is_string(aud->child, rules->issuer))
		return "The assertion's aud must be the issuer identifier and nothing else (RFC 10070).";
	return NULL;
}

static const char *fapi2_fault(const struct jwt *jwt)
{
	if (jwt->alg == JWT_RS256)
		return "The assertion's alg must be PS256, ES256 or EdDSA (FAPI 2.0 Security Profile section 5.4.1).";
	if (json_get(jwt->claims_json, "aud")->type == JSON_ARRAY)
		return "The assertion's aud must be a string, no array (FAPI 2.0 Security Profile section 5.3.2.1).";
	return NULL;
}

static const char *exp_fault(const struct json *claims, const struct client_assertion_rules *rules, int64_t *ret)
{
	int64_t now = rules->now_us / 1000000;
	enum err err = bearer_time_read(claims, "exp", JSON_DOWN, ret);

	if (err == ERR_NOT_PRESENT)
		return "The assertion lacks exp (RFC 7523 section 3).";
	if (err != ERR_OK)
		return "The assertion's exp must be a number of seconds since 1970 (RFC 7519 section 4.1.4).";
	if (*ret + rules->leeway_s <= now)
		return "The assertion has expired: its exp is in the past (RFC 7523 section 3).";
	if (*ret > now + rules->max_lifetime_s + rules->leeway_s)
		return "The assertion's exp is unreasonably far in the future (RFC 7523 section 3).";
	return NULL;
}

/* `fault` if the optional claim is there and isn't a time up to now. */
static const char *start_fault(const struct json *claims, const char *name, const struct client_assertion_rules *rules, const char *fault)
{
	int64_t from;
	enum err err = bearer_time_read(claims, name, JSON_UP, &from);

	if (err == ERR_NOT_PRESENT)
		return NULL;
	return err == ERR_OK && from <= rules->now_us / 1000000 + rules->leeway_s ? NULL : fault;
}

static const char *jti_fault(const struct json *claims, struct str *ret)
{
	enum err err = json_string(json_get(claims, "jti"), ret);

	if (err == ERR_NOT_PRESENT)
		return "The assertion lacks jti, which must be new in every assertion (RFC 7523 section 3).";
	return err == ERR_OK && ret->n > 0 && ret->n <= JTI_MAX ? NULL : "The assertion's jti must be a string of 1 to 256 bytes.";
}

static const char *fault_of(const struct jwt *jwt, const struct client_assertion_rules *rules, struct client_assertion *made)
{
	const struct json *claims = jwt->claims_json;
	const char *why = aud_fault(claims, rules);

	if (why == NULL)
		why = exp_fault(claims, rules, &made->expires_at);
	if (why == NULL)
		why = start_fault(claims, "nbf", rules, "The assertion isn't valid yet: its nbf is in the future or no number.");
	if (why == NULL)
		why = start_fault(claims, "iat", rules, "The assertion's iat is in the future or no number.");
	return why != NULL ? why : jti_fault(claims, &made->jti);
}

enum err client_assertion_check(const struct jwt *jwt, const struct client_assertion_rules *rules, struct client_assertion *ret,
				const char **ret_why)
{
	struct client_assertion made = {.jti = STR_NONE};
	const char *why = fault_of(jwt, rules, &made);

	if (why != NULL) {
		*ret_why = why;
		return ERR_INVALID_CLIENT;
	}
	made.refused_from = made.expires_at + rules->leeway_s;
	made.fapi2_fault = fapi2_fault(jwt);
	*ret = made;
	return ERR_OK;
}
