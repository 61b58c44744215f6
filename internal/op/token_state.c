/* What becomes of a token: introspection (RFC 7662), revocation (RFC 7009), and the list for APIs
 * that verify by themselves. The caller is a client that authenticates itself as at the token
 * endpoint, or a bearer; whether it may ask, and what the token is worth, one statement says.
 * Here only signatures are checked, which the database can't do. */
#include "store/token_state.h"

#include <string.h>

#include "base/base64.h"
#include "op/adoption.h"
#include "op/client_auth.h"
#include "op/op_input.h"
#include "op/op_steps.h"
#include "op/own_token.h"
#include "op/private_key_jwt.h"
#include "op/revocation_page.h"

#define LIST_MAX_AGE_S 5

/* ---- who asks ---- */

static enum op_verdict client_or_bearer(struct op *op)
{
	const struct op_input *in = &op->in;
	if (in->bearer.p == NULL)
		return op_take_client(op);
	if (in->client_id.p != NULL || in->client_secret.p != NULL || in->client_assertion.p != NULL || in->client_assertion_type.p != NULL)
		return op_fail(op, ERR_INVALID_REQUEST, "The caller must not authenticate in more than one way.");
	return op_authenticate(op);
}

static enum err caller_of(struct op *op, struct token_caller *ret)
{
	*ret = (struct token_caller){.bearer = &op->caller, .platform = op->platform, .origin = &op->origin};
	if (op->caller_known)
		return ERR_OK;
	ret->client_id = op->in.client_id;
	ret->shown = op->shown;
	ret->fapi2 = op->fapi2_fault == NULL;
	op->origin.actor = op->in.client_id;
	return op_client_verifiers(op, &ret->verifiers);
}

/* Of every answer, refusals too: for the log, and for the record of denied attempts. */
static void note_caller(struct op *op, enum err err, const struct token_answer *answer)
{
	static const struct uuid nil;
	if (answer == NULL)
		return;
	op->client_known = !op->caller_known && memcmp(&answer->organization_id, &nil, sizeof nil) != 0;
	if (err == ERR_OK)
		op->organization_id = answer->organization_id;
	if (err == ERR_FORBIDDEN && !op->caller_known)
		op->err_detail = "The client lacks the role resource_server.";
}

static enum op_verdict wait_for(struct op *op, enum err err)
{
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

/* ---- the token ---- */

static enum op_verdict require_token(struct op *op)
{
	return op->in.token.p != NULL ? OP_MORE : op_fail(op, ERR_INVALID_REQUEST, "The parameter token is missing.");
}

static struct presented_token presented(const struct own_token *t)
{
	const struct bearer_facts *f = &t->facts;
	if (t->kid.p == NULL)
		return (struct presented_token){.kid = STR_NONE};
	return (struct presented_token){
		.kid = t->kid,
		.verified = t->verified,
		.jti = f->has_jti ? str_from(f->jti.b, sizeof f->jti.b) : STR_NONE,
		.client_id = f->is_client ? str_of(f->client_id) : STR_NONE,
		.secret_version = f->secret_version,
		.organization_id = f->platform ? NULL : &f->organization_id,
		.issued_at = f->issued_at,
		.expires_at = f->expires_at,
	};
}

/* ---- introspection ---- */

static void tell(struct op *op, const struct own_token *t)
{
	op->out.introspected = t->said;
	op->out.introspected.active = true;
	op->out.introspected.bound_to = str_of(t->facts.bound_to);
}

/* The statement has answered: what there is to say is said, but for a secret that is to be adopted
 * first. */
static void go_on(struct op *op, enum err err, op_step *const *again)
{
	op_resume(op, op_profile_fault(op, op_adopt_first(op, err, again)));
}

static op_step introspect, revoke, list;
static op_step *const introspect_again[] = {OP_ADOPTION_STEPS, introspect, NULL};
static op_step *const revoke_again[] = {OP_ADOPTION_STEPS, revoke, NULL};
static op_step *const list_again[] = {OP_ADOPTION_STEPS, list, NULL};

static void introspected(void *arg, enum err err, const struct token_answer *answer)
{
	struct op *op = arg;
	note_caller(op, err, answer);
	if (err == ERR_OK && answer->active)
		tell(op, op->own_token);
	go_on(op, err, introspect_again);
}

static enum op_verdict introspect(struct op *op)
{
	struct token_caller caller;
	struct own_token *token = arena_alloc(op->arena, sizeof *token);
	enum err err = token == NULL ? ERR_NO_MEMORY : op_read_own_token(op, op->in.token, token);
	if (err == ERR_OK)
		err = caller_of(op, &caller);
	if (err != ERR_OK)
		return op_fail(op, err, NULL);
	const struct presented_token asked = presented(token);
	op->own_token = token;
	return wait_for(op, token_introspect(op->env->store, &caller, &asked, introspected, op));
}

/* ---- revocation ---- */

static void answered(void *arg, enum err err, const struct token_answer *answer)
{
	struct op *op = arg;
	note_caller(op, err, answer);
	go_on(op, err, revoke_again);
}

static enum op_verdict revoke(struct op *op)
{
	struct token_caller caller;
	struct own_token token;
	enum err err = op_read_own_token(op, op->in.token, &token);
	if (err == ERR_OK)
		err = caller_of(op, &caller);
	if (err != ERR_OK)
		return op_fail(op, err, NULL);
	const struct presented_token asked = presented(&token);
	return wait_for(op, token_revoke(op->env->store, &caller, &asked, answered, op));
}

/* ---- the list ---- */

/* RFC 9110 section 8.8.3: a strong one, of the bytes. */
static enum err tag_of(struct arena *a, struct str text, struct str *ret)
{
	uint8_t hash[SHA256_LEN];
	enum err err = sha256(text.p, text.n, hash);
	struct sbuf tag = sbuf_in(a, BASE64URL_LEN(SHA256_LEN) + 3);
	if (err != ERR_OK)
		return err;
	sbuf_putc(&tag, '"');
	sbuf_put_base64url(&tag, str_from(hash, sizeof hash));
	sbuf_putc(&tag, '"');
	*ret = sbuf_str(&tag);
	return ret->p == NULL ? ERR_NO_MEMORY : ERR_OK;
}

/* Only where a page follows: what fits one page looks as if there were none. */
static struct str next_page(struct op *op, const struct token_answer *page)
{
	if (!page->more)
		return STR("");
	struct str token = op_revocation_page_token(op->arena, &page->last);
	return token.p == NULL ? token : arena_printf(op->arena, ",\"next_page_token\":\"%.*s\"", STR_ARG(token));
}

static enum err show_list(struct op *op, const struct token_answer *page)
{
	struct str next = next_page(op, page);
	if (next.p == NULL)
		return ERR_NO_MEMORY;
	struct sbuf text = sbuf_in(op->arena, page->list.n + next.n + 3);
	sbuf_putc(&text, '{');
	sbuf_put(&text, page->list);
	sbuf_put(&text, next);
	sbuf_put(&text, STR("}\n"));
	op->out.document = sbuf_str(&text);
	op->out.max_age = LIST_MAX_AGE_S;
	if (op->out.document.p == NULL)
		return ERR_NO_MEMORY;
	enum err err = tag_of(op->arena, op->out.document, &op->out.etag);
	op_compare_etag(op);
	return err;
}

static void listed(void *arg, enum err err, const struct token_answer *answer)
{
	struct op *op = arg;
	note_caller(op, err, answer);
	/* Who doesn't ask for pages wouldn't ask for the next one, and take a part for all. */
	if (err == ERR_OK && answer->more && op->in.page_size == 0 && op->in.page_token.p == NULL) {
		err = ERR_INVALID_REQUEST;
		op_fail(op, err, "The list has more than 10000 entries. Ask for it in pages, with page_size.");
	} else if (err == ERR_OK) {
		err = show_list(op, answer);
	}
	go_on(op, err, list_again);
}

static enum op_verdict list(struct op *op)
{
	struct token_caller caller;
	struct revocation_place after;
	int32_t limit;
	enum op_verdict verdict = op_read_revocation_page(op, &after, &limit);
	if (verdict != OP_MORE)
		return verdict;
	enum err err = caller_of(op, &caller);
	if (err != ERR_OK)
		return op_fail(op, err, NULL);
	return wait_for(op, token_revocations(op->env->store, &caller, &after, limit, listed, op));
}

op_step *const op_introspect_token_steps[] = {require_token, client_or_bearer, op_limit_guesses, op_verify_assertion, introspect, NULL};
op_step *const op_revoke_token_steps[] = {require_token, op_take_client, op_limit_guesses, op_verify_assertion, revoke, NULL};
op_step *const op_list_revocations_steps[] = {client_or_bearer, op_limit_guesses, list, NULL};
