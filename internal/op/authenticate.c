/* The bearer of the M2M routes: one of our own access tokens, or one that the operator minted with our key (RFC 6750, RFC 7519 section 7.2). */
#include <string.h>

#include "base/clock.h"
#include "crypto/jwt.h"
#include "op/op_steps.h"
#include "json/json_read.h"

static bool has_role(const struct json *roles, struct str role)
{
	if (roles == NULL || roles->type != JSON_ARRAY)
		return false;
	for (const struct json *r = roles->child; r != NULL; r = r->next)
		if (r->type == JSON_STRING && str_eq(r->text, role))
			return true;
	return false;
}

static enum err times_of(const struct json *claims, int64_t now, int64_t *ret_expires_at)
{
	int64_t exp = 0;
	int64_t nbf = 0;
	enum err err = json_integer(json_get(claims, "exp"), 1, INT64_C(1) << 40, &exp);
	if (err != ERR_OK || exp <= now)
		return ERR_INVALID_TOKEN;
	err = json_integer(json_get(claims, "nbf"), 0, INT64_C(1) << 40, &nbf);
	if ((err != ERR_OK && err != ERR_NOT_PRESENT) || nbf > now)
		return ERR_INVALID_TOKEN;
	*ret_expires_at = exp;
	return ERR_OK;
}

/* What a token of ours says. A client's names its client and secret version; the operator's names neither but an organization and roles. */
static enum err facts_of(const struct json *claims, struct bearer_facts *ret)
{
	struct bearer_facts f = *ret;
	struct str client_id = STR_NONE;
	struct str organization_id = STR_NONE;
	struct str subject = STR_NONE;
	int64_t version = 0;
	if (json_string(json_get(claims, "organization_id"), &organization_id) != ERR_OK ||
	    uuid_parse(organization_id, &f.organization_id) != ERR_OK)
		return ERR_INVALID_TOKEN;
	if (json_string(json_get(claims, "sub"), &subject) != ERR_OK || subject.n == 0 || subject.n > BEARER_SUBJECT_MAX)
		return ERR_INVALID_TOKEN;
	memcpy(f.subject, subject.p, subject.n);
	f.subject[subject.n] = '\0';
	enum err err = json_string(json_get(claims, "client_id"), &client_id);
	f.is_client = err == ERR_OK;
	if (f.is_client) {
		if (!client_id_well_formed(client_id) || json_integer(json_get(claims, "secret_version"), 1, INT32_MAX, &version) != ERR_OK)
			return ERR_INVALID_TOKEN;
		memcpy(f.client_id, client_id.p, CLIENT_ID_LEN);
		f.secret_version = (int32_t)version;
	} else if (err != ERR_NOT_PRESENT || json_get(claims, "secret_version") != NULL) {
		return ERR_INVALID_TOKEN;
	}
	f.admin = !f.is_client && has_role(json_get(claims, "roles"), STR("admin"));
	*ret = f;
	return ERR_OK;
}

static enum err verify(struct op *op, struct keyset *keys, int64_t now, struct bearer_facts *ret)
{
	struct jwt jwt;
	struct str issuer = STR_NONE;
	if (jwt_parse(op->arena, op->in.bearer, &jwt) != ERR_OK)
		return ERR_INVALID_TOKEN;
	struct signing_key *key = keyset_find(keys, jwt.kid);
	if (key == NULL || jwt_verify_libjwt(key, &jwt) != ERR_OK)
		return ERR_INVALID_TOKEN;
	if (json_string(json_get(jwt.claims_json, "iss"), &issuer) != ERR_OK || !str_eq(issuer, op->env->config->issuer))
		return ERR_INVALID_TOKEN;
	if (times_of(jwt.claims_json, now, &ret->expires_at) != ERR_OK)
		return ERR_INVALID_TOKEN;
	return facts_of(jwt.claims_json, ret);
}

static void set_caller(struct op *op, const struct bearer_facts *f)
{
	op->caller = (struct store_bearer){.secret_version = f->secret_version, .organization_id = f->organization_id, .admin = f->admin};
	if (f->is_client)
		op->caller.client_id = arena_copy(op->arena, str_from(f->client_id, CLIENT_ID_LEN));
	op->origin.actor = arena_copy(op->arena, str_of(f->subject));
	op->organization_id = f->organization_id;
	op->caller_known = true;
}

enum op_verdict op_authenticate(struct op *op)
{
	struct keyset *keys = store_keyset(op->env->store);
	struct bearer_facts fresh = {0};
	int64_t now = clock_wall_us() / 1000000;
	if (op->in.bearer.p == NULL)
		return op_fail(op, ERR_MISSING_TOKEN, NULL);
	if (op->in.bearer.n > JWT_MAX_LEN)
		return op_fail(op, ERR_INVALID_TOKEN, NULL);
	if (keys == NULL)
		return op_fail(op, ERR_STORE_UNAVAILABLE, NULL);
	if (sha256(op->in.bearer.p, op->in.bearer.n, op->bearer_hash) != ERR_OK)
		return op_fail(op, ERR_INTERNAL, NULL);
	const struct bearer_facts *known = bearer_memo_get(op->env->memo, op->bearer_hash, keyset_generation(keys), now);
	if (known == NULL) {
		enum err err = verify(op, keys, now, &fresh);
		if (err != ERR_OK)
			return op_fail(op, err, NULL);
		bearer_memo_put(op->env->memo, op->bearer_hash, keyset_generation(keys), &fresh);
		known = &fresh;
	}
	set_caller(op, known);
	return OP_MORE;
}
