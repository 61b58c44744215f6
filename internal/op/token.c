/* Exchanging client credentials for an access token: POST /m2m/token (an admin's bearer beside
 * the credentials) and POST /oauth2/token (the client alone; RFC
 * 6749 section 4.4). The grant is checked for form here; everything that decides happens in the
 * issuing statement; no token leaves before its commit is known. */
#include <assert.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "crypto/jwt.h"
#include "op/adoption.h"
#include "op/client_auth.h"
#include "op/confirmation.h"
#include "op/dpop_request.h"
#include "op/op_steps.h"
#include "op/private_key_jwt.h"
#include "op/workload.h"
#include "json/json_write.h"

#define SCOPE_MAX     1024
#define SCOPES_MAX    64  /* that a client may have */
#define AUDIENCE_MAX  256 /* bytes of one */
#define AUDIENCES_MAX 8   /* of one token */

/* RFC 6749 section 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ). */
static bool is_scope_token(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e || s.p[i] == '"' || s.p[i] == '\\')
			return false;
	return true;
}

static bool among(struct str token, const struct str *tokens, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(token, tokens[i]))
			return true;
	return false;
}

/* The tokens of a scope, each once, in the order of their first places. */
struct scope_set {
	struct str tokens[SCOPES_MAX];
	size_t n;
};

/* NULL, or what is wrong. Spaces around and between tokens mean nothing: a scope is a set. */
static const char *read_scope(struct str scope, struct scope_set *ret)
{
	ret->n = 0;
	for (struct str token; (token = str_split(&scope, ' ')).p != NULL;) {
		if (!is_scope_token(token))
			return "The scope holds a character that no scope has (RFC 6749 section 3.3).";
		if (token.n == 0 || among(token, ret->tokens, ret->n))
			continue;
		if (ret->n == SCOPES_MAX)
			return "More scopes are asked for than a client may have.";
		ret->tokens[ret->n++] = token;
	}
	return NULL;
}

/* in.scope becomes the tokens with single spaces between; absent without any, as if not given. */
static const char *settle_scope(struct op *op)
{
	struct scope_set set;
	struct str given = op->in.scope;
	const char *fault = read_scope(given, &set);
	size_t length = set.n == 0 ? 0 : set.n - 1;
	for (size_t i = 0; fault == NULL && i < set.n; i++)
		length += set.tokens[i].n;
	if (fault != NULL || length > SCOPE_MAX)
		return fault != NULL ? fault : "The scope is longer than 1024 bytes.";
	if (length == given.n && length > 0)
		return NULL; /* as it came */
	struct sbuf out = sbuf_in(op->arena, length);
	for (size_t i = 0; i < set.n; i++) {
		sbuf_putz(&out, i > 0 ? " " : "");
		sbuf_put(&out, set.tokens[i]);
	}
	op->in.scope = set.n > 0 ? sbuf_str(&out) : STR_NONE;
	return NULL;
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

/* `audience` and each `resource` name the same thing, where the token will be used: together,
 * each once, they become in.audience. NULL, or what is wrong. */
static const char *join_audiences(struct op *op)
{
	struct op_input *in = &op->in;
	struct str resources = in->resource;
	if (in->audience.p != NULL && !audience_well_formed(in->audience))
		return "An audience has 1 to 256 visible ASCII characters.";
	unsigned n = in->audience.p != NULL;
	for (struct str r; (r = str_split(&resources, ' ')).p != NULL;) {
		if (!resource_well_formed(r))
			return "A resource is an absolute URI of at most 256 bytes without a fragment (RFC 8707 section 2).";
		if (in->audience.p == NULL)
			in->audience = r;
		else if (has_audience(in->audience, r))
			continue;
		else
			in->audience = arena_printf(op->arena, "%.*s %.*s", STR_ARG(in->audience), STR_ARG(r));
		if (++n > AUDIENCES_MAX)
			return "More than 8 audiences are asked for.";
	}
	return NULL;
}

static enum op_verdict check_grant(struct op *op)
{
	const struct op_input *in = &op->in;
	if (in->grant_type.p == NULL)
		return op_fail(op, ERR_INVALID_REQUEST, "The parameter grant_type is missing.");
	bool by_grant = str_eq(in->grant_type, STR(WORKLOAD_GRANT)) && op_takes_workloads(op);
	if (!by_grant && !str_eq(in->grant_type, STR("client_credentials")))
		return op_fail(op, ERR_UNSUPPORTED_GRANT_TYPE, NULL);
	enum op_verdict verdict = by_grant ? op_take_grant_assertion(op) : op_take_client(op);
	if (verdict != OP_MORE)
		return verdict;
	const char *fault = in->scope.p == NULL ? NULL : settle_scope(op);
	if (fault != NULL)
		return op_fail(op, ERR_INVALID_SCOPE, fault);
	fault = join_audiences(op);
	if (fault != NULL)
		return op_fail(op, ERR_INVALID_TARGET, fault);
	return OP_MORE;
}

/* What our own routes find the credential again by, which must still be live. */
static void put_credential(struct json_out *o, const struct issue_request *r)
{
	char text[SECRET_TAG_TEXT_LEN];
	struct str tag = str_from(text, base64url_encode(text, r->secret_tag.p, SECRET_TAG_LEN));
	if (r->credential_id.p != NULL) {
		json_put_str(o, "credential_id", r->credential_id);
		json_put_str(o, "credential_tag", tag);
	} else {
		json_put_int(o, "secret_version", r->secret_version);
		json_put_str(o, "secret_tag", tag);
	}
}

static enum err write_claims(struct op *op, struct sbuf *out)
{
	const struct issue_request *r = &op->issue;
	char jti[UUID_TEXT_LEN];
	char organization[UUID_TEXT_LEN];
	if (r->secret_tag.n != SECRET_TAG_LEN)
		return ERR_INTERNAL;
	uuid_format(r->jti, jti);
	uuid_format(r->organization_id, organization);
	struct json_out o = json_out_start(out);
	json_open(&o, NULL, '{');
	json_put_str(&o, "iss", op->env->config->issuer);
	json_put_str(&o, "sub", r->client_id);
	json_put_word_or_words(&o, "aud", r->granted_audience);
	json_put_int(&o, "iat", r->issued_at);
	json_put_int(&o, "exp", r->issued_at + r->lifetime);
	json_put_str(&o, "jti", str_from(jti, sizeof jti));
	json_put_str(&o, "client_id", r->client_id);
	json_put_str(&o, "scope", r->granted_scope);
	json_put_str(&o, "organization_id", str_from(organization, sizeof organization));
	put_credential(&o, r);
	op_put_confirmation(&o, r->bound_to);
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
	op->out.token_needs_proof = str_starts(op->issue.bound_to, STR("jkt:"));
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

/* What the token may be bound to, as struct issue_request has it. */
static struct str held(struct op *op)
{
	if (op->held.jkt.p == NULL || op->held.x5t.p == NULL)
		return op->held.jkt.p != NULL ? op->held.jkt : op->held.x5t;
	return arena_printf(op->arena, "%.*s\n%.*s", STR_ARG(op->held.jkt), STR_ARG(op->held.x5t));
}

/* Its row is written, and being committed: time to sign. The token goes out from issued(), or
 * not at all. */
static void written(struct issue_request *r)
{
	struct op *op = r->arg;
	op->signed_ahead = op->abandoned == ERR_OK && draft(op) == ERR_OK && jwt_sign_drafts(r->key, &op->draft, 1) == ERR_OK;
}

/* What the statement said of a request, for the op. True: its token is wanted, and isn't signed
 * yet. */
static bool take_verdict(struct op *op)
{
	static const struct uuid nil;
	const struct issue_request *r = &op->issue;
	op->client_known = memcmp(&r->organization_id, &nil, sizeof nil) != 0 && !r->bearer_refused;
	if (r->err != ERR_OK)
		return false;
	op->recorded = true;
	op->organization_id = r->organization_id;
	return op->abandoned == ERR_OK && !op->signed_ahead;
}

static op_step issue;
static op_step *const issue_again[] = {OP_ADOPTION_STEPS, issue, NULL};

/* For people: a client doesn't take its secret to where an answer says. */
static void tell_where_to(struct op *op)
{
	op->err_detail = arena_printf(op->arena, "The organization has moved to %.*s.", STR_ARG(op->issue.granted_scope)).p;
}

/* An answer may be why another one of the group is abandoned: that one then has no token. */
static void answer_issued(struct op *op, enum err err)
{
	if (err == ERR_OK && op->abandoned == ERR_OK)
		err = signed_token(op);
	err = op_adopt_first(op, err, issue_again);
	if (err == ERR_INVALID_CLIENT && op_workload_again(op))
		err = ERR_OK;
	if (err == ERR_ORGANIZATION_MOVED)
		tell_where_to(op);
	op_resume(op, op->workload != NULL ? op_tell_workload_fault(op, err) : op_profile_fault(op, err));
}

/* The tokens of a group are drafted, signed together, and answered in order. */
static void issued(struct issue_request *const *group, unsigned n)
{
	struct jwt_draft drafts[SIGNING_GROUP_MAX];
	/* an op is gone when it has been answered, and its request with it */
	struct op *ops[SIGNING_GROUP_MAX];
	enum err errs[SIGNING_GROUP_MAX];
	bool drafted[SIGNING_GROUP_MAX];
	struct signing_key *key = NULL;
	unsigned drafts_n = 0;
	assert(n > 0 && n <= SIGNING_GROUP_MAX);
	for (unsigned i = 0; i < n; i++) {
		ops[i] = group[i]->arg;
		errs[i] = group[i]->err;
		drafted[i] = take_verdict(ops[i]);
		if (!drafted[i])
			continue;
		errs[i] = draft(ops[i]);
		drafted[i] = errs[i] == ERR_OK;
		if (drafted[i]) {
			key = group[i]->key;
			drafts[drafts_n++] = ops[i]->draft;
		}
	}
	enum err err = drafts_n == 0 ? ERR_OK : jwt_sign_drafts(key, drafts, drafts_n);
	for (unsigned i = 0; i < n; i++)
		answer_issued(ops[i], drafted[i] ? err : errs[i]);
}

static enum op_verdict issue(struct op *op)
{
	if (issue_is_full(op->env->store)) /* before anything is spent on it */
		return op_fail(op, ERR_OVERLOADED, NULL);
	if (op->origin.actor.p == NULL)
		op->origin.actor = op->in.client_id;
	op->issue = (struct issue_request){
		.client_id = op->in.client_id,
		.scope = op->in.scope,
		.audience = op->in.audience,
		.bearer = op->caller_known ? &op->caller : NULL,
		.origin = &op->origin,
		.jti = uuid_v7(clock_wall_us()),
		.auth_method = op->shown.auth_method != '\0' ? op->shown.auth_method
			       : op->in.basic                ? 'b'
							     : 'p',
		.credentials = op->shown.credentials,
		.presented = op->shown.presented,
		.assertion = op->shown.assertion,
		.proof = op->held.proof,
		.binding = held(op),
		.fapi2 = op->fapi2_fault == NULL,
		.until_us = op_until_us(op),
		.written = written,
		.done = issued,
		.arg = op,
	};
	enum err err = op_client_verifiers(op, &op->issue.verifiers);
	if (err == ERR_OK)
		err = issue_submit(op->env->store, &op->issue);
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

op_step *const op_issue_token_steps[] = {op_authenticate, check_grant, op_limit_client, op_verify_assertion, issue, NULL};
op_step *const op_oauth_token_steps[] = {check_grant, op_limit_client, op_verify_proof, op_verify_assertion, op_verify_workload, issue,
					 NULL};
