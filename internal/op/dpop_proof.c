/* field -> jwt_parse_as -> dpop_key -> jwt_verify -> each claim by its rule -> the nonce, last, so
 * that nobody is sent for one who would be refused with it too. */
#include "op/dpop_proof.h"

#include "base/uri.h"
#include "crypto/used_once.h"
#include "op/bearer_times.h"

/* ---- claims: each answers with the sentence of its refusal, or with NULL ---- */

static bool claim_is(const struct json *claims, const char *name, struct str wanted)
{
	struct str said;

	return json_string(json_get(claims, name), &said) == ERR_OK && str_eq(said, wanted);
}

static const char *htm_fault(const struct json *claims, const struct dpop_rules *rules)
{
	return claim_is(claims, "htm", rules->method) ? NULL : "The proof's htm must be the method of this request (RFC 9449 section 4.3).";
}

static bool normalize(struct str uri, char *room, struct str *ret)
{
	struct sbuf out = sbuf_fixed(room, URI_MAX + 1);

	*ret = STR_NONE;
	if (uri_put_normalized(uri, &out) != ERR_OK)
		return false;
	*ret = sbuf_str(&out);
	return true;
}

static struct str without_last_slash(struct str url)
{
	return url.n > 0 && url.p[url.n - 1] == '/' ? str_from(url.p, url.n - 1) : url;
}

static const char *htu_fault(const struct json *claims, const struct dpop_rules *rules)
{
	char url[URI_MAX + 1], said_room[URI_MAX + 1], ours_room[URI_MAX + 1];
	struct sbuf out = sbuf_fixed(url, sizeof url);
	struct str htu, said, ours;

	sbuf_put(&out, without_last_slash(rules->public_url));
	sbuf_put(&out, rules->path);
	if (json_string(json_get(claims, "htu"), &htu) == ERR_OK && normalize(htu, said_room, &said) &&
	    normalize(sbuf_str(&out), ours_room, &ours) && str_eq(said, ours))
		return NULL;
	return "The proof's htu must be the URL of this request, without query and fragment (RFC 9449 section 4.3).";
}

static const char *iat_fault(const struct json *claims, const struct dpop_rules *rules, int64_t *ret)
{
	int64_t now = rules->now_us / 1000000, up;

	if (bearer_time_read(claims, "iat", JSON_DOWN, ret) != ERR_OK || bearer_time_read(claims, "iat", JSON_UP, &up) != ERR_OK)
		return "The proof lacks iat, a number of seconds since 1970 (RFC 9449 section 4.2).";
	if (*ret + rules->past_s < now)
		return "The proof's iat is too long ago; make a new proof for every request.";
	return up > now + rules->future_s ? "The proof's iat is in the future; check the client's clock." : NULL;
}

/* RFC 7519 sections 4.1.4 and 4.1.5; RFC 9449 asks for neither. */
static const char *validity_fault(const struct json *claims, const struct dpop_rules *rules)
{
	int64_t now = rules->now_us / 1000000, exp, nbf;
	enum err err = bearer_time_read(claims, "exp", JSON_DOWN, &exp);

	if (err != ERR_NOT_PRESENT && (err != ERR_OK || exp + rules->future_s <= now))
		return "The proof has expired: its exp is in the past, or no number.";
	err = bearer_time_read(claims, "nbf", JSON_UP, &nbf);
	if (err != ERR_NOT_PRESENT && (err != ERR_OK || nbf > now + rules->future_s))
		return "The proof isn't valid yet: its nbf is in the future, or no number.";
	return NULL;
}

static const char *jti_fault(const struct json *claims, struct str *ret)
{
	if (json_string(json_get(claims, "jti"), ret) == ERR_OK && ret->n > 0 && ret->n <= JTI_MAX)
		return NULL;
	return "The proof lacks jti, a string of 1 to 256 bytes that is new in every proof (RFC 9449 section 4.2).";
}

static const char *claims_fault(const struct json *claims, const struct dpop_rules *rules, struct dpop_proof *made)
{
	const char *why = htm_fault(claims, rules);

	if (why == NULL)
		why = htu_fault(claims, rules);
	if (why == NULL)
		why = iat_fault(claims, rules, &made->issued_at);
	if (why == NULL)
		why = validity_fault(claims, rules);
	return why != NULL ? why : jti_fault(claims, &made->jti);
}

/* ---- the whole ---- */

static enum err refuse(enum err err, const char *why, const char **ret_why)
{
	*ret_why = why;
	return err;
}

static enum err check_ath(const struct json *claims, struct str access_token, const char **ret_why)
{
	char ath[THUMBPRINT_TEXT_LEN + 1];

	if (access_token.p == NULL)
		return ERR_OK;
	if (dpop_ath(access_token, ath) != ERR_OK)
		return ERR_CRYPTO;
	if (claim_is(claims, "ath", str_of(ath)))
		return ERR_OK;
	return refuse(ERR_INVALID_DPOP_PROOF, "The proof's ath must be the hash of the access token (RFC 9449 section 4.3).", ret_why);
}

static enum err check_nonce(const struct json *claims, const struct dpop_rules *rules, const char **ret_why)
{
	struct str nonce;

	if (rules->nonces == NULL)
		return ERR_OK;
	enum err err = json_string(json_get(claims, "nonce"), &nonce);
	if (err == ERR_OK && dpop_nonce_is_fresh(rules->nonces, rules->now_us, nonce))
		return ERR_OK;
	return refuse(ERR_USE_DPOP_NONCE,
		      err == ERR_NOT_PRESENT ? "The proof needs a nonce: the one in DPoP-Nonce (RFC 9449 section 8)."
					     : "The proof's nonce isn't fresh: take the one in DPoP-Nonce (RFC 9449 section 8).",
		      ret_why);
}

static enum err signature_fault(enum err err, const char **ret_why)
{
	if (err != ERR_MISMATCH)
		return err;
	return refuse(ERR_INVALID_DPOP_PROOF, "The proof's signature isn't of its jwk, or the jwk is no public key for its alg.", ret_why);
}

enum err dpop_proof_read(struct arena *a, struct str field, struct jwt *ret_jwt, struct signing_key **ret_key, struct dpop_proof *ret,
			 const char **ret_why)
{
	struct dpop_proof made = {.jti = STR_NONE};
	struct signing_key *key;

	if (jwt_parse_as(&jwt_form_dpop_proof, a, field, ret_jwt) != ERR_OK)
		return refuse(ERR_INVALID_DPOP_PROOF,
			      "The proof must be one JWT with typ dpop+jwt, its public key in jwk, and an alg of "
			      "ES256, PS256, EdDSA or RS256 (RFC 9449 section 4.2).",
			      ret_why);
	enum err err = dpop_key(ret_jwt, &key);
	if (err != ERR_OK)
		return signature_fault(err, ret_why);
	dpop_thumbprint(key, made.jkt);
	*ret_key = key;
	*ret = made;
	return ERR_OK;
}

enum err dpop_proof_settle(const struct jwt *jwt, enum err verified, const struct dpop_rules *rules, struct dpop_proof *ret,
			   const char **ret_why)
{
	struct dpop_proof made = *ret;

	if (verified != ERR_OK)
		return signature_fault(verified, ret_why);
	const char *why = claims_fault(jwt->claims_json, rules, &made);
	if (why != NULL)
		return refuse(ERR_INVALID_DPOP_PROOF, why, ret_why);
	enum err err = check_ath(jwt->claims_json, rules->access_token, ret_why);
	if (err == ERR_OK)
		err = check_nonce(jwt->claims_json, rules, ret_why);
	if (err != ERR_OK)
		return err;
	made.refused_from = made.issued_at + rules->past_s + 1;
	if (jwt->alg == JWT_RS256)
		made.fapi2_fault = "The proof's alg must be PS256, ES256 or EdDSA (FAPI 2.0 section 5.4.1).";
	*ret = made;
	return ERR_OK;
}

enum err dpop_proof_check(struct arena *a, struct str field, const struct dpop_rules *rules, struct dpop_proof *ret, const char **ret_why)
{
	struct dpop_proof made;
	struct signing_key *key;
	struct jwt jwt;

	enum err err = dpop_proof_read(a, field, &jwt, &key, &made, ret_why);
	if (err != ERR_OK)
		return err;
	enum err verified = jwt_verify(key, &jwt);
	signing_key_free(key);
	err = dpop_proof_settle(&jwt, verified, rules, &made, ret_why);
	if (err == ERR_OK)
		*ret = made;
	return err;
}
