#include "op/workload.h"

#include "op/ask_credentials.h"
#include "op/credential_form.h"
#include "op/issuer_key.h"
#include "op/op_steps.h"
#include "json/json_read.h"

/* One answer for whatever doesn't belong together, so that it tells nothing of either. */
#define NO_MATCH "The assertion isn't one of this client's workloads, or there is no such client."

static enum op_verdict refuse(struct op *op, const char *why)
{
	return op_fail(op, op->workload->auth_method == 'j' ? ERR_INVALID_GRANT : ERR_INVALID_CLIENT, why);
}

/* ---- the request ---- */

bool op_takes_workloads(const struct op *op)
{
	return op->spec->id == OP_OAUTH_TOKEN && op->env->trust != NULL && trust_has_workloads(op->env->trust);
}

/* Whose keys check it, and what its terms call that issuer. NULL: it isn't trusted with workloads.
 * A JWT-SVID is known by its subject, whatever its `iss` (SPIFFE JWT-SVID section 3). */
static const struct trust_issuer *issuer_of(struct trust_view *trust, const struct json *claims, struct str *ret_name)
{
	struct str sub = STR_NONE;
	struct str iss = STR_NONE;
	struct str tid = STR_NONE;
	const struct trust_issuer *issuer = NULL;
	if (json_string(json_get(claims, "sub"), &sub) == ERR_OK)
		issuer = trust_find_spiffe(trust, sub);
	if (issuer != NULL) {
		*ret_name = issuer->issuer;
		return issuer->workloads ? issuer : NULL;
	}
	if (json_string(json_get(claims, "iss"), &iss) != ERR_OK)
		return NULL;
	if (json_get(claims, "tid") != NULL && json_string(json_get(claims, "tid"), &tid) != ERR_OK)
		return NULL;
	issuer = trust_find_issuer(trust, iss, tid);
	*ret_name = iss;
	return issuer != NULL && issuer->workloads ? issuer : NULL;
}

bool op_shows_workload(struct op *op, struct str token, char auth_method)
{
	struct workload_proof *w = op_takes_workloads(op) ? arena_alloc(op->arena, sizeof *w) : NULL;
	struct str name;
	if (w == NULL)
		return false;
	*w = (struct workload_proof){.auth_method = auth_method};
	if (workload_token_parse(op->arena, token, &w->jwt) != ERR_OK || issuer_of(op->env->trust, w->jwt.claims_json, &name) == NULL)
		return false;
	w->issuer = arena_copy(op->arena, name);
	op->workload = w;
	return true;
}

enum op_verdict op_take_workload(struct op *op)
{
	if (op->in.client_id.p == NULL)
		return refuse(op, "The parameter client_id is missing: it says which client the workload is.");
	return op_may_be_client_id(op, op->in.client_id) ? OP_MORE : refuse(op, NO_MATCH);
}

enum op_verdict op_take_grant_assertion(struct op *op)
{
	const struct op_input *in = &op->in;
	if (in->basic || in->client_secret.p != NULL || in->client_assertion.p != NULL || in->client_assertion_type.p != NULL)
		return op_fail(op, ERR_INVALID_REQUEST, "The grant's assertion says who the client is: nothing else may beside it.");
	if (in->assertion.p == NULL)
		return op_fail(op, ERR_INVALID_REQUEST, "The parameter assertion is missing (RFC 7523 section 2.1).");
	if (in->client_id.p == NULL)
		return op_fail(op, ERR_INVALID_REQUEST, "The parameter client_id is missing: it says which client the workload is.");
	if (!op_shows_workload(op, in->assertion, 'j'))
		return op_fail(op, ERR_INVALID_GRANT, "The assertion isn't a JWT of an issuer whose workloads are taken here.");
	return op_take_workload(op);
}

/* ---- the token ---- */

static const struct known_keys *known(struct op *op)
{
	return client_key_memo_get(op->env->client_keys, op->in.client_id);
}

/* Before a signature is checked, so that a client's name alone costs none. */
static bool may_be_of(const struct known_keys *keys, struct str issuer)
{
	for (size_t i = 0; keys != NULL && i < keys->workloads_n; i++)
		if (str_eq(keys->workloads[i].terms.issuer, issuer))
			return true;
	return false;
}

/* It may have been added since. */
static enum op_verdict not_found(struct op *op, const char *why)
{
	return op->asked_credentials ? refuse(op, why) : op_ask_for_credentials(op);
}

/* OP_MORE: its issuer has signed it, and it is of now. */
static enum op_verdict verify(struct op *op)
{
	struct workload_proof *w = op->workload;
	struct str name;
	const struct trust_issuer *issuer = issuer_of(op->env->trust, w->jwt.claims_json, &name);
	enum err err = issuer == NULL ? ERR_NOT_PRESENT : issuer_key_verify(op->env->trust, issuer, &w->jwt);
	if (err == ERR_AGAIN)
		return op_wait_for_keys(op, issuer);
	if (err == ERR_ISSUER_UNAVAILABLE)
		return op_fail(op, err, NULL);
	if (err == ERR_TOO_LARGE)
		return refuse(op, "The assertion has no kid, and too many of its issuer's keys fit its alg.");
	if (err != ERR_OK)
		return refuse(op, NO_MATCH);
	const char *why = workload_token_read(w->jwt.claims_json, store_now_us(op->env->store) / 1000000, &w->claims);
	w->verified = why == NULL;
	return why == NULL ? OP_MORE : refuse(op, why);
}

/* The ids of the workloads that the token fits, one in a line, of those whose tokens may be
 * replayed or of the others. Absent: none. */
static struct str fitting(struct op *op, const struct known_keys *keys, bool may_replay)
{
	const struct workload_proof *w = op->workload;
	struct str ids = STR_NONE;
	for (size_t i = 0; keys != NULL && i < keys->workloads_n; i++) {
		const struct known_workload *k = &keys->workloads[i];
		if (k->terms.may_replay != may_replay ||
		    !workload_token_fits(op->arena, w->jwt.claims_json, w->issuer, &w->claims, &k->terms))
			continue;
		ids = ids.p == NULL ? arena_copy(op->arena, str_of(k->credential_id))
				    : arena_printf(op->arena, "%.*s\n%s", STR_ARG(ids), k->credential_id);
	}
	return ids;
}

/* What the issuing statement checks, into op->shown. */
static enum op_verdict show(struct op *op, struct str credentials, bool once)
{
	const struct workload_proof *w = op->workload;
	uint8_t *hash = arena_alloc(op->arena, USED_ONCE_LEN);
	op->shown.auth_method = w->auth_method;
	op->shown.credentials = credentials;
	op->shown.presented = arena_printf(op->arena, "%.*s %.*s", STR_ARG(w->issuer), STR_ARG(w->claims.subject));
	op->shown.assertion = (struct issue_once){.hash = STR_NONE};
	if (hash == NULL || op->shown.presented.p == NULL)
		return op_fail(op, ERR_NO_MEMORY, NULL);
	if (!once)
		return OP_MORE;
	op->shown.assertion = (struct issue_once){.hash = str_from(hash, USED_ONCE_LEN), .until = w->claims.refused_from};
	enum err err = used_once_make(op->env->hasher, USED_ONCE_WORKLOAD, w->issuer, w->claims.jti, hash);
	return err == ERR_OK ? OP_MORE : op_fail(op, err, NULL);
}

enum op_verdict op_verify_workload(struct op *op)
{
	struct workload_proof *w = op->workload;
	if (w == NULL)
		return OP_MORE;
	if ((w->again && !op->asked_credentials) || !may_be_of(known(op), w->issuer))
		return not_found(op, NO_MATCH);
	enum op_verdict verdict = w->verified ? OP_MORE : verify(op);
	if (verdict != OP_MORE)
		return verdict;
	struct str once = fitting(op, known(op), false);
	struct str often = fitting(op, known(op), true);
	if (once.p != NULL && w->claims.jti.p != NULL && !w->claims.long_lived)
		return show(op, once, true);
	if (often.p != NULL)
		return show(op, often, false);
	if (once.p == NULL)
		return not_found(op, NO_MATCH);
	return not_found(op, w->claims.jti.p == NULL
				     ? "The assertion lacks jti, and its workload isn't registered with may_replay."
				     : "The assertion is good for longer than a day, and its workload isn't registered with may_replay.");
}

/* ---- the statement's answer ---- */

bool op_workload_again(struct op *op)
{
	if (op->workload == NULL || op->asked_credentials || op->abandoned != ERR_OK)
		return false;
	op->workload->again = true;
	op->issue = (struct issue_request){.done = NULL};
	op->step -= 2; /* op_verify_workload, once more */
	return true;
}

enum err op_tell_workload_fault(struct op *op, enum err err)
{
	if (err == ERR_INVALID_CLIENT)
		op->err_detail = NO_MATCH;
	if (op->workload->auth_method != 'j')
		return err;
	if (err == ERR_ASSERTION_REPLAYED)
		op->err_detail = "The assertion was used before: each one is good for one request.";
	if (err == ERR_AUTH_METHOD_NOT_ALLOWED)
		op->err_detail = "The client may not get a token for a workload's assertion.";
	return err == ERR_INVALID_CLIENT || err == ERR_ASSERTION_REPLAYED || err == ERR_AUTH_METHOD_NOT_ALLOWED ? ERR_INVALID_GRANT : err;
}
