/* The bearer of the M2M and admin routes: one of our own access tokens, one that the operator
 * minted with our key, or one of a trusted outside issuer (RFC 6750, RFC 7519 section 7.2).
 * `iss` says which, and with that whose keys decide. */
#include <string.h>

#include "base/base64.h"
#include "base/starved.h"
#include "crypto/jwt.h"
#include "op/bearer_times.h"
#include "op/console.h"
#include "op/holder.h"
#include "op/op_steps.h"
#include "op/outsider.h"
#include "op/own_token.h"
#include "op/portal.h"
#include "op/shown_memo.h"
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

/* What tells the credential that the token was obtained with from any that came after it. */
static bool take_tag(const struct json *claims, const char *name, struct bearer_facts *f)
{
	struct str tag = STR_NONE;
	size_t n = 0;
	enum err err = json_string(json_get(claims, name), &tag);
	f->has_tag = err == ERR_OK;
	return f->has_tag ? tag.n == SECRET_TAG_TEXT_LEN && base64url_decode(tag, f->secret_tag, sizeof f->secret_tag, &n) == ERR_OK &&
				    n == sizeof f->secret_tag
			  : err == ERR_NOT_PRESENT;
}

/* A token without a tag is from a gateway that gave none. */
static bool take_secret(const struct json *claims, struct bearer_facts *f)
{
	int64_t version = 0;
	if (json_integer(json_get(claims, "secret_version"), 1, INT32_MAX, &version) != ERR_OK || !take_tag(claims, "secret_tag", f))
		return false;
	f->secret_version = (int32_t)version;
	return f->has_tag || json_get(claims, "iat") != NULL;
}

static bool take_credential(const struct json *claims, struct bearer_facts *f)
{
	return json_get(claims, "secret_version") == NULL && json_get(claims, "secret_tag") == NULL &&
	       take_tag(claims, "credential_tag", f) && f->has_tag;
}

static bool take_proof(const struct json *claims, struct bearer_facts *f)
{
	return json_get(claims, "credential_tag") == NULL ? take_secret(claims, f) : take_credential(claims, f);
}

/* What tells whether it was taken back. One that doesn't say when it was issued is as old as can
 * be. */
static bool take_origin(const struct json *claims, struct bearer_facts *f)
{
	struct str jti = STR_NONE;
	f->issued_at = 1;
	enum err err = json_integer(json_get(claims, "iat"), 1, INT64_C(1) << 40, &f->issued_at);
	if (err != ERR_OK && err != ERR_NOT_PRESENT)
		return false;
	err = json_string(json_get(claims, "jti"), &jti);
	f->has_jti = err == ERR_OK && uuid_parse(jti, &f->jti) == ERR_OK;
	return f->has_jti || err == ERR_NOT_PRESENT;
}

/* What a token of ours says. A client's names its client, organization and secret version; the
 * operator's for an organization names that and roles; the one for the platform names the role
 * `platform` alone, the operator's own `operator`. */
static enum err facts_of(const struct json *claims, struct bearer_facts *ret)
{
	struct bearer_facts f = *ret;
	struct str client_id = STR_NONE;
	struct str organization_id = STR_NONE;
	struct str subject = STR_NONE;
	if (json_string(json_get(claims, "sub"), &subject) != ERR_OK || subject.n == 0 || subject.n > BEARER_SUBJECT_MAX ||
	    !take_origin(claims, &f) || !op_read_confirmation(claims, f.bound_to))
		return ERR_INVALID_TOKEN;
	memcpy(f.subject, subject.p, subject.n);
	f.subject[subject.n] = '\0';
	enum err err = json_string(json_get(claims, "client_id"), &client_id);
	f.is_client = err == ERR_OK;
	if (f.is_client) {
		if (!foreign_well_formed(client_id) || !take_proof(claims, &f))
			return ERR_INVALID_TOKEN;
		memcpy(f.client_id, client_id.p, client_id.n);
		f.client_id[client_id.n] = '\0';
	} else if (err != ERR_NOT_PRESENT || json_get(claims, "secret_version") != NULL || json_get(claims, "secret_tag") != NULL ||
		   json_get(claims, "credential_tag") != NULL) {
		return ERR_INVALID_TOKEN;
	}
	err = json_string(json_get(claims, "organization_id"), &organization_id);
	f.platform = err == ERR_NOT_PRESENT && !f.is_client && has_role(json_get(claims, "roles"), STR("platform"));
	f.operates = err == ERR_NOT_PRESENT && !f.is_client && f.has_jti && has_role(json_get(claims, "roles"), STR("operator"));
	if (!f.platform && !f.operates && (err != ERR_OK || uuid_parse(organization_id, &f.organization_id) != ERR_OK))
		return ERR_INVALID_TOKEN;
	f.admin = !f.platform && !f.operates && !f.is_client && has_role(json_get(claims, "roles"), STR("admin"));
	*ret = f;
	return ERR_OK;
}

static enum err verify(struct keyset *keys, const struct jwt *jwt, int64_t now, struct bearer_facts *ret)
{
	struct signing_key *key = keyset_find(keys, jwt->kid);
	if (key == NULL || jwt_verify_libjwt(key, jwt) != ERR_OK)
		return ERR_INVALID_TOKEN;
	if (!bearer_times_hold(jwt->claims_json, now, 0, &ret->expires_at))
		return ERR_INVALID_TOKEN;
	return facts_of(jwt->claims_json, ret);
}

static bool is_ours(const struct op *op, const struct jwt *jwt)
{
	struct str issuer = STR_NONE;
	return json_string(json_get(jwt->claims_json, "iss"), &issuer) == ERR_OK && str_eq(issuer, op->env->config->issuer);
}

static void set_caller(struct op *op, const struct bearer_facts *f)
{
	op->caller = (struct bearer){.secret_version = f->secret_version, .organization_id = f->organization_id, .admin = f->admin};
	op->caller.issued_at = f->issued_at;
	op->caller.remote_addr = op->origin.remote_addr;
	if (f->is_client)
		op->caller.client_id = arena_copy(op->arena, str_of(f->client_id));
	if (f->has_tag)
		op->caller.secret_tag = arena_copy(op->arena, str_from(f->secret_tag, sizeof f->secret_tag));
	if (f->has_jti)
		op->caller.jti = arena_copy(op->arena, str_from(f->jti.b, sizeof f->jti.b));
	op->origin.actor = arena_copy(op->arena, str_of(f->subject));
	op->organization_id = f->organization_id;
	op->platform = f->platform;
	op->operator_token = f->operates;
	op->by.jti = f->jti;
	op->caller_known = true;
}

/* The first sight of a token: its signature is checked. */
static enum op_verdict meet(struct op *op, struct keyset *keys, int64_t now)
{
	struct bearer_facts fresh = {0};
	struct jwt jwt;
	if (jwt_parse(op->arena, op->in.bearer, &jwt) != ERR_OK)
		return op_fail(op, ERR_INVALID_TOKEN, NULL);
	if (!is_ours(op, &jwt))
		return op_authenticate_outsider(op, &jwt);
	enum err err = verify(keys, &jwt, now, &fresh);
	if (err != ERR_OK)
		return op_fail(op, err, NULL);
	bearer_memo_put(op->env->memo, op->bearer_hash, keyset_generation(keys), &fresh);
	set_caller(op, &fresh);
	return op_hold(op, str_of(fresh.bound_to));
}

static bool stands_above(const struct op_spec *spec)
{
	return spec->who == OP_BY_PLATFORM || spec->who == OP_BY_KEEPER || spec->who == OP_BY_RESOURCE_SERVER ||
	       spec->who == OP_BY_OPERATOR;
}

/* A platform token has no organization to act in, nor has an operator's, which PostgreSQL is asked
 * for besides. */
static enum op_verdict in_place(struct op *op, enum op_verdict verdict)
{
	if (verdict != OP_MORE || !(op->platform || op->operator_token))
		return verdict;
	if (!stands_above(op->spec))
		return op_fail(op, ERR_FORBIDDEN, "A platform token has no organization; this operation needs one.");
	return op->operator_token ? op_authenticate_operator(op) : OP_MORE;
}

enum op_verdict op_authenticate(struct op *op)
{
	struct keyset *keys = store_keyset(op->env->store);
	int64_t now = store_now_us(op->env->store) / 1000000;
	if (op->in.bearer.p == NULL && op->portal != NULL && op->portal->token.p != NULL)
		return op_authenticate_session(op);
	if (op->in.bearer.p == NULL && op->console != NULL && op->console->token.p != NULL)
		return op_authenticate_console(op);
	if (op->in.bearer.p == NULL)
		return op_fail(op, ERR_MISSING_TOKEN, NULL);
	if (op->in.bearer.n > JWT_MAX_LEN)
		return op_fail(op, ERR_INVALID_TOKEN, "The access token is longer than 16384 bytes.");
	if (keys == NULL)
		return op_fail(op, ERR_STORE_UNAVAILABLE, NULL);
	if (sha256(op->in.bearer.p, op->in.bearer.n, op->bearer_hash) != ERR_OK)
		return op_fail(op, ERR_INTERNAL, NULL);
	const struct bearer_facts *known = bearer_memo_get(op->env->memo, op->bearer_hash, keyset_generation(keys), now);
	if (known == NULL)
		return in_place(op, meet(op, keys, now));
	set_caller(op, known);
	return in_place(op, op_hold(op, str_of(known->bound_to)));
}

/* ---- a token that is shown, and opens nothing ---- */

/* Between our clock, as of the last poll, and the database's, which decides. */
#define SHOWN_LEEWAY_S 60

/* Verified under `generation` of the keys, now or before. */
static bool is_signed(struct op *op, struct keyset *keys, const struct jwt *jwt, const uint8_t hash[SHA256_LEN], int64_t now)
{
	return bearer_memo_get(op->env->memo, hash, keyset_generation(keys), now) != NULL ||
	       jwt_verify(keyset_find(keys, jwt->kid), jwt) == ERR_OK;
}

static struct str text_of(const struct json *claims, const char *name)
{
	struct str text = STR_NONE;
	return json_string(json_get(claims, name), &text) == ERR_OK ? text : STR_NONE;
}

/* One, or several joined with spaces. */
static struct str audiences_of(struct arena *a, const struct json *aud)
{
	if (aud == NULL || aud->type == JSON_STRING)
		return aud == NULL ? STR_NONE : aud->text;
	size_t n = 0;
	for (const struct json *one = aud->child; one != NULL; one = one->next)
		n += one->type == JSON_STRING ? one->text.n + 1 : 0;
	struct sbuf all = sbuf_in(a, n);
	for (const struct json *one = aud->child; one != NULL; one = one->next) {
		if (one->type != JSON_STRING)
			continue;
		sbuf_put(&all, all.n == 0 ? STR_NONE : STR(" "));
		sbuf_put(&all, one->text);
	}
	return n == 0 ? STR_NONE : sbuf_str(&all);
}

static struct introspected said_by(struct arena *a, const struct json *claims, const struct bearer_facts *f)
{
	return (struct introspected){
		.scope = text_of(claims, "scope"),
		.client_id = text_of(claims, "client_id"),
		.subject = text_of(claims, "sub"),
		.audience = audiences_of(a, json_get(claims, "aud")),
		.issuer = text_of(claims, "iss"),
		.jti = text_of(claims, "jti"),
		.organization_id = text_of(claims, "organization_id"),
		.issued_at = f->issued_at,
		.expires_at = f->expires_at,
	};
}

/* The first sight of it. */
static void read_own(struct op *op, struct keyset *keys, struct str token, const uint8_t hash[SHA256_LEN], struct own_token *ret)
{
	int64_t now = store_now_us(op->env->store) / 1000000;
	struct own_token t = {.kid = STR_NONE};
	struct jwt jwt;
	if (jwt_parse(op->arena, token, &jwt) != ERR_OK || !is_ours(op, &jwt) || jwt.kid.p == NULL)
		return;
	t.verified = keyset_find(keys, jwt.kid) != NULL;
	if ((t.verified && !is_signed(op, keys, &jwt, hash, now)) ||
	    !bearer_times_hold(jwt.claims_json, now, SHOWN_LEEWAY_S, &t.facts.expires_at) || facts_of(jwt.claims_json, &t.facts) != ERR_OK)
		return;
	t.kid = jwt.kid;
	if (t.verified) /* else nothing of it is told */
		t.said = said_by(op->arena, jwt.claims_json, &t.facts);
	*ret = t;
	if (!t.verified || arena_overflowed(op->arena))
		return;
	bearer_memo_put(op->env->memo, hash, keyset_generation(keys), &t.facts);
	shown_memo_put(op->env->shown, hash, keyset_generation(keys), &t);
}

enum err op_read_own_token(struct op *op, struct str token, struct own_token *ret)
{
	struct keyset *keys = store_keyset(op->env->store);
	int64_t now = store_now_us(op->env->store) / 1000000;
	uint8_t hash[SHA256_LEN];
	if (keys == NULL)
		return ERR_STORE_UNAVAILABLE;
	unsigned long starved = starved_count();
	*ret = (struct own_token){.kid = STR_NONE};
	if (token.n > JWT_MAX_LEN)
		return ERR_OK;
	if (hasher_sha256(op->env->hasher, &token, 1, hash) != ERR_OK)
		return ERR_CRYPTO;
	if (!shown_memo_get(op->env->shown, op->arena, hash, keyset_generation(keys), now - SHOWN_LEEWAY_S, ret))
		read_own(op, keys, token, hash, ret);
	/* or a good token would be called none of ours, and wouldn't be revoked */
	return ret->kid.p == NULL ? starved_err(ERR_OK, starved) : ERR_OK;
}
