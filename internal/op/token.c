/* Exchanging client credentials for an access token: POST /m2m/token (an admin's bearer beside the credentials) and POST /oauth2/token (the client alone; RFC
 * 6749 section 4.4). The grant is checked for form here; everything that decides happens in the issuing statement; no token leaves before its commit is known. */
#include <assert.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "crypto/jwt.h"
#include "op/op_steps.h"
#include "json/json_write.h"

#define SCOPE_MAX     1024
#define AUDIENCE_MAX  256 /* bytes of one */
#define AUDIENCES_MAX 8   /* of one token */

/* RFC 6749 section 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ), single spaces between. */
static bool scope_well_formed(struct str scope)
{
	bool after_space = true;
	for (size_t i = 0; i < scope.n; i++) {
		unsigned char c = (unsigned char)scope.p[i];
		if (c == ' ') {
			if (after_space)
				return false;
			after_space = true;
			continue;
		}
		if (c < 0x21 || c > 0x7e || c == '"' || c == '\\')
			return false;
		after_space = false;
	}
	return scope.n > 0 && scope.n <= SCOPE_MAX && !after_space;
}

static bool audience_well_formed(struct str audience)
{
	for (size_t i = 0; i < audience.n; i++)
		if (audience.p[i] < 0x21 || audience.p[i] > 0x7e)
			return false;
	return audience.n > 0 && audience.n <= AUDIENCE_MAX;
}

/* RFC 8707 section 2: an absolute URI (RFC 3986 section 4.3) without a fragment. */
static bool resource_well_formed(struct str resource)
{
	struct str rest = resource;
	struct str scheme = str_split(&rest, ':');
	return rest.n > 0 && scheme.n > 0 && str_is_word(scheme, "+-.") && memchr(rest.p, '#', rest.n) == NULL &&
	       audience_well_formed(resource);
}

static bool has_audience(struct str audiences, struct str one)
{
	for (struct str a; (a = str_split(&audiences, ' ')).p != NULL;)
		if (str_eq(a, one))
			return true;
	return false;
}

/* `audience` and each `resource` name the same thing, where the token will be used: together, each once, they become in.audience. */
static bool join_audiences(struct op *op)
{
	struct op_input *in = &op->in;
	struct str resources = in->resource;
	if (in->audience.p != NULL && !audience_well_formed(in->audience))
		return false;
	unsigned n = in->audience.p != NULL;
	for (struct str r; (r = str_split(&resources, ' ')).p != NULL;) {
		if (!resource_well_formed(r))
			return false;
		if (in->audience.p == NULL)
			in->audience = r;
		else if (has_audience(in->audience, r))
			continue;
		else
			in->audience = arena_printf(op->arena, "%.*s %.*s", STR_ARG(in->audience), STR_ARG(r));
		if (++n > AUDIENCES_MAX)
			return false;
	}
	return true;
}

static enum op_verdict check_grant(struct op *op)
{
	const struct op_input *in = &op->in;
	if (in->grant_type.p == NULL)
		return op_fail(op, ERR_INVALID_REQUEST, "The parameter grant_type is missing.");
	if (!str_eq(in->grant_type, STR("client_credentials")))
		return op_fail(op, ERR_UNSUPPORTED_GRANT_TYPE, NULL);
	if (in->client_id.p == NULL)
		return op->spec->who == OP_CLIENT ? op_fail(op, ERR_INVALID_CLIENT, NULL)
						  : op_fail(op, ERR_INVALID_REQUEST, "The parameter client_id is missing.");
	if (in->client_secret.p == NULL)
		return op->spec->who == OP_CLIENT ? op_fail(op, ERR_INVALID_CLIENT, NULL)
						  : op_fail(op, ERR_INVALID_REQUEST, "The parameter client_secret is missing.");
	if (in->scope.p != NULL && !scope_well_formed(in->scope))
		return op_fail(op, ERR_INVALID_SCOPE, NULL);
	if (!join_audiences(op))
		return op_fail(op, ERR_INVALID_TARGET, NULL);
	/* nobody's credentials look like this: no need to ask the database, and no need to say why */
	if (!client_id_well_formed(in->client_id) || !secret_well_formed(in->client_secret))
		return op_fail(op, ERR_INVALID_CLIENT, NULL);
	return OP_MORE;
}

/* A string for one, an array for several (RFC 7519 section 4.1.3). */
static void put_audience(struct json_out *o, struct str audiences)
{
	if (memchr(audiences.p, ' ', audiences.n) == NULL) {
		json_put_str(o, "aud", audiences);
		return;
	}
	json_open(o, "aud", '[');
	for (struct str a; (a = str_split(&audiences, ' ')).p != NULL;)
		json_put_str(o, NULL, a);
	json_close(o, ']');
}

static enum err write_claims(struct op *op, struct sbuf *out)
{
	const struct issue_request *r = &op->issue;
	char jti[UUID_TEXT_LEN];
	char organization[UUID_TEXT_LEN];
	char tag[SECRET_TAG_TEXT_LEN];
	if (r->secret_tag.n != SECRET_TAG_LEN)
		return ERR_INTERNAL;
	uuid_format(r->jti, jti);
	uuid_format(r->organization_id, organization);
	struct json_out o = json_out_start(out);
	json_open(&o, NULL, '{');
	json_put_str(&o, "iss", op->env->config->issuer);
	json_put_str(&o, "sub", r->client_id);
	put_audience(&o, r->granted_audience);
	json_put_int(&o, "iat", r->issued_at);
	json_put_int(&o, "exp", r->issued_at + r->lifetime);
	json_put_str(&o, "jti", str_from(jti, sizeof jti));
	json_put_str(&o, "client_id", r->client_id);
	json_put_str(&o, "scope", r->granted_scope);
	json_put_str(&o, "organization_id", str_from(organization, sizeof organization));
	json_put_int(&o, "secret_version", r->secret_version);
	json_put_str(&o, "secret_tag", str_from(tag, base64url_encode(tag, r->secret_tag.p, SECRET_TAG_LEN)));
	json_close(&o, '}');
	return sbuf_str(out).p == NULL ? ERR_NO_MEMORY : ERR_OK;
}

/* All of the token but its signature. */
static enum err draft(struct op *op)
{
	struct sbuf claims = sbuf_in(op->arena, 512);
	struct str type = op->issue.token_type;
	bool at_jwt = type.p == NULL ? op->env->config->at_jwt : str_eq(type, STR("at+jwt"));
	op->token = sbuf_in(op->arena, 1536);
	enum err err = write_claims(op, &claims);
	if (err == ERR_OK)
		err = jwt_draft(op->issue.key, at_jwt, sbuf_str(&claims), &op->token, &op->draft);
	if (err != ERR_OK)
		return err;
	op->out.expires_in = op->issue.lifetime;
	op->out.scope = arena_copy(op->arena, op->issue.granted_scope);
	op->out.client_id = op->issue.client_id;
	return ERR_OK;
}

static enum err signed_token(struct op *op)
{
	if (op->token.overflow)
		return ERR_NO_MEMORY;
	op->out.access_token = sbuf_str(&op->token);
	return ERR_OK;
}

/* An answer may be why another one of the group is abandoned. */
static void sign_drafts(struct op_env *env)
{
	struct jwt_draft drafts[SIGNING_GROUP_MAX];
	struct op *ops[SIGNING_GROUP_MAX];
	unsigned n = env->drafts_n;
	if (n == 0)
		return;
	for (unsigned i = 0; i < n; i++) {
		ops[i] = env->drafts[i];
		drafts[i] = ops[i]->draft;
	}
	env->drafts_n = 0;
	enum err err = jwt_sign_drafts(ops[0]->issue.key, drafts, n);
	for (unsigned i = 0; i < n; i++)
		op_resume(ops[i], ops[i]->abandoned != ERR_OK ? ERR_OK : err != ERR_OK ? err : signed_token(ops[i]));
}

/* Its row is written, and being committed: time to sign. The token goes out from issued(), or not at all. */
static void written(struct issue_request *r)
{
	struct op *op = r->arg;
	op->signed_ahead = op->abandoned == ERR_OK && draft(op) == ERR_OK && jwt_sign_drafts(r->key, &op->draft, 1) == ERR_OK;
}

static void hold(struct op_env *env, struct op *op)
{
	assert(env->drafts_n < SIGNING_GROUP_MAX);
	env->drafts[env->drafts_n++] = op;
}

/* Tokens of one signing key that follow each other are signed together: op_env holds them until the last one is there. */
static void issued(struct issue_request *r)
{
	struct op *op = r->arg;
	struct op_env *env = op->env; /* the op may be gone when it has been answered, and `r` with it */
	bool last = !r->more;
	static const struct uuid nil;
	op->client_known = memcmp(&r->organization_id, &nil, sizeof nil) != 0;
	enum err err = r->err;
	if (err == ERR_OK) {
		op->recorded = true;
		op->organization_id = r->organization_id;
	}
	bool wanted = err == ERR_OK && op->abandoned == ERR_OK;
	if (wanted)
		err = op->signed_ahead ? signed_token(op) : draft(op);
	if (wanted && err == ERR_OK && !op->signed_ahead)
		hold(env, op);
	else
		op_resume(op, err);
	if (last)
		sign_drafts(env);
}

static enum op_verdict issue(struct op *op)
{
	if (issue_is_full(op->env->store)) /* before anything is spent on it */
		return op_fail(op, ERR_OVERLOADED, NULL);
	size_t length = (size_t)op->env->config->ring.n * SHA256_LEN;
	uint8_t *verifiers = arena_alloc(op->arena, length);
	if (verifiers == NULL)
		return op_fail(op, ERR_INTERNAL, NULL);
	enum err err = verifier_ring_make(op->env->verifiers, op->in.client_id, op->in.client_secret, verifiers);
	if (err != ERR_OK)
		return op_fail(op, err, NULL);
	if (op->origin.actor.p == NULL)
		op->origin.actor = op->in.client_id;
	op->issue = (struct issue_request){
		.client_id = op->in.client_id,
		.verifiers = str_from(verifiers, length),
		.scope = op->in.scope,
		.audience = op->in.audience,
		.bearer = op->caller_known ? &op->caller : NULL,
		.origin = &op->origin,
		.jti = uuid_v7(clock_wall_us()),
		.written = written,
		.done = issued,
		.arg = op,
	};
	err = issue_submit(op->env->store, &op->issue);
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

op_step *const op_issue_token_steps[] = {op_authenticate, check_grant, op_limit_client, issue, NULL};
op_step *const op_oauth_token_steps[] = {check_grant, op_limit_client, issue, NULL};
