#include "op/workload_token.h"

#include "base/visible.h"
#include "crypto/used_once.h"
#include "op/bearer_times.h"
#include "trust/claim.h"

static const struct jwt_form form = {.typs = {"JWT", "application/JWT", "JOSE"}};

static const struct json_limits terms_limits = {.max_depth = WORKLOAD_CLAIMS_DEPTH, .max_values = WORKLOAD_CLAIMS_VALUES};

enum err workload_token_parse(struct arena *a, struct str token, struct jwt *ret)
{
	return jwt_parse_as(&form, a, token, ret);
}

/* ---- what it says ---- */

static const char *exp_fault(const struct json *claims, int64_t now, struct workload_token *made)
{
	enum err err = bearer_time_read(claims, "exp", JSON_DOWN, &made->expires_at);
	if (err == ERR_NOT_PRESENT)
		return "The assertion lacks exp (RFC 7523 section 3).";
	if (err != ERR_OK)
		return "The assertion's exp must be a number of seconds since 1970 (RFC 7519 section 4.1.4).";
	if (made->expires_at + WORKLOAD_LEEWAY_S <= now)
		return "The assertion has expired: its exp is in the past (RFC 7523 section 3).";
	made->refused_from = made->expires_at + WORKLOAD_LEEWAY_S;
	made->long_lived = made->refused_from > now + WORKLOAD_ONCE_MAX_S;
	return NULL;
}

static bool has_begun(const struct json *claims, const char *name, int64_t now)
{
	int64_t from;
	enum err err = bearer_time_read(claims, name, JSON_UP, &from);
	return err == ERR_NOT_PRESENT || (err == ERR_OK && from <= now + WORKLOAD_LEEWAY_S);
}

static const char *jti_fault(const struct json *claims, struct workload_token *made)
{
	enum err err = json_string(json_get(claims, "jti"), &made->jti);
	bool good = err == ERR_NOT_PRESENT || (err == ERR_OK && made->jti.n > 0 && made->jti.n <= JTI_MAX);
	return good ? NULL : "The assertion's jti must be a string of 1 to 256 bytes.";
}

/* The audit shows it to people. */
static const char *sub_fault(const struct json *claims, struct workload_token *made)
{
	bool good = json_string(json_get(claims, "sub"), &made->subject) == ERR_OK && made->subject.n > 0 &&
		    made->subject.n <= WORKLOAD_SUBJECT_MAX && text_is_visible(made->subject, "");
	return good ? NULL : "The assertion lacks sub, or it isn't text of 1 to 1024 bytes (RFC 7523 section 3).";
}

const char *workload_token_read(const struct json *claims, int64_t now, struct workload_token *ret)
{
	struct workload_token made = {.jti = STR_NONE};
	const char *why = exp_fault(claims, now, &made);
	if (why == NULL && !has_begun(claims, "nbf", now))
		why = "The assertion isn't valid yet: its nbf is in the future or no number.";
	if (why == NULL && !has_begun(claims, "iat", now))
		why = "The assertion's iat is in the future or no number.";
	if (why == NULL)
		why = jti_fault(claims, &made);
	if (why == NULL)
		why = sub_fault(claims, &made);
	if (why == NULL)
		*ret = made;
	return why;
}

/* ---- what is asked of it ---- */

static struct str text_of(const struct json *v)
{
	switch (v->type) {
	case JSON_TRUE:
		return STR("true");
	case JSON_FALSE:
		return STR("false");
	case JSON_STRING:
	case JSON_NUMBER:
		return v->text;
	default:
		return STR_NONE;
	}
}

/* Each member of `wanted` is in `claims`, with its value. As deep as terms_limits lets it be. */
static bool has_members(const struct json *claims, const struct json *wanted)
{
	for (const struct json *m = wanted->child; m != NULL; m = m->next) {
		const struct json *claim = claim_find(claims, m->key);
		if (claim == NULL)
			return false;
		struct str text = text_of(m);
		bool is = m->type == JSON_OBJECT ? claim->type == JSON_OBJECT && has_members(claim, m)
						 : text.p != NULL && str_eq(text, text_of(claim));
		if (!is)
			return false;
	}
	return true;
}

bool workload_token_fits(struct arena *a, const struct json *claims, struct str issuer, const struct workload_token *token,
			 const struct workload_terms *terms)
{
	const struct json *wanted = NULL;
	if (!str_eq(issuer, terms->issuer) || (terms->subject.p != NULL && !str_eq(token->subject, terms->subject)) ||
	    !claim_has_audience(claims, terms->audience))
		return false;
	if (json_parse(a, terms->claims, terms_limits, &wanted) != ERR_OK || wanted->type != JSON_OBJECT)
		return false;
	return (terms->subject.p != NULL || wanted->child != NULL) && has_members(claims, wanted);
}
