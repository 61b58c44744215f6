#include "op/admin_input.h"

#include "base/base64.h"
#include "config/words.h"
#include "op/op_steps.h"

#define LIFETIME_MIN    60      /* seconds; as the schema has it */
#define LIFETIME_MAX    2592000 /* 30 days: for as long a retired signing key stays published */
#define SCOPES_MAX      64
#define SCOPES_BYTES    1024 /* joined: what a token request may ask for at once */
#define AUDIENCES_MAX   8    /* of one token */
#define EXTERNAL_ID_MAX 200
#define PAGE_DEFAULT    50
#define PAGE_TOKEN_MAX  128

static enum op_verdict refuse(struct op *op, const char *sentence)
{
	return op_fail(op, ERR_INVALID_REQUEST, sentence);
}

/* ---- clients ---- */

static bool repeats(const struct words *words)
{
	for (size_t i = 0; i < words->n; i++)
		for (size_t j = 0; j < i; j++)
			if (str_eq(words->v[i], words->v[j]))
				return true;
	return false;
}

static bool roles_hold(const struct words *roles)
{
	for (size_t i = 0; i < roles->n; i++)
		if (!str_eq(roles->v[i], STR("admin")) && !str_eq(roles->v[i], STR("member")))
			return false;
	return !repeats(roles);
}

static bool scopes_hold(const struct words *scopes)
{
	size_t bytes = 0;
	for (size_t i = 0; i < scopes->n; i++) {
		if (!word_is_scope(scopes->v[i]))
			return false;
		bytes += scopes->v[i].n + 1;
	}
	return scopes->n <= SCOPES_MAX && bytes <= SCOPES_BYTES && !repeats(scopes);
}

static bool audiences_hold(const struct words *audiences)
{
	for (size_t i = 0; i < audiences->n; i++)
		if (!word_is_audience(audiences->v[i]))
			return false;
	return audiences->v == NULL || (audiences->n >= 1 && audiences->n <= AUDIENCES_MAX && !repeats(audiences));
}

static bool token_type_holds(struct str type)
{
	return type.p == NULL || str_eq(type, STR("JWT")) || str_eq(type, STR("at+jwt")) || str_eq(type, STR("default"));
}

enum op_verdict admin_check_client(struct op *op)
{
	const struct client_spec *c = &op->in.client;
	if (!word_is_name(c->name))
		return refuse(op, "name must be text of at most 200 characters without control characters.");
	if (!roles_hold(&c->roles))
		return refuse(op, "roles must be a list of admin and member, each at most once.");
	if (!scopes_hold(&c->scopes))
		return refuse(op, "scopes must be a list of at most 64 different scope tokens (RFC 6749 section 3.3), 1024 bytes in all.");
	if (!audiences_hold(&c->audiences))
		return refuse(op, "audiences must be a list of 1 to 8 different audiences, each of 1 to 256 visible ASCII characters.");
	if (c->token_lifetime != 0 && (c->token_lifetime < LIFETIME_MIN || c->token_lifetime > LIFETIME_MAX))
		return refuse(op, "token_lifetime must be an integer of seconds from 60 to 2592000.");
	if (!token_type_holds(c->token_type))
		return refuse(op, "token_type must be JWT, at+jwt, or null for the default of the service.");
	return OP_MORE;
}

void admin_complete_client(struct op *op, bool is_default)
{
	struct client_spec *c = &op->in.client;
	struct client_spec whole;
	op_default_client(op, &whole);
	if (!is_default)
		whole.roles = (struct words){.v = &op->env->config->default_scope, .n = 0};
	if (c->roles.v == NULL)
		c->roles = whole.roles;
	if (c->scopes.v == NULL)
		c->scopes = whole.scopes;
	if (c->audiences.v == NULL)
		c->audiences = whole.audiences;
	if (c->token_lifetime == 0)
		c->token_lifetime = whole.token_lifetime;
}

/* ---- organizations ---- */

/* An outside issuer and the name that it has for the organization: one means nothing without the other. */
static enum op_verdict check_outside(struct op *op, struct str issuer, struct str external_id)
{
	if ((issuer.n > 0) != (external_id.n > 0))
		return refuse(op, "issuer and external_id must be given together.");
	if (issuer.n > 0 && !word_is_audience(issuer))
		return refuse(op, "issuer must be the iss of its tokens: 1 to 256 visible ASCII characters.");
	if (external_id.n > EXTERNAL_ID_MAX || !word_is_name(external_id))
		return refuse(op, "external_id must be text of 1 to 200 bytes without control characters.");
	return OP_MORE;
}

enum op_verdict admin_check_new_org(struct op *op)
{
	struct org_spec *o = &op->in.new_org;
	struct uuid id;
	if (!word_is_slug(o->slug) || uuid_parse(o->slug, &id) == ERR_OK)
		return refuse(
			op, "slug must be 1 to 63 lower-case letters, digits and hyphens, not first a hyphen, and not shaped like a UUID.");
	if (o->name.p == NULL)
		o->name = o->slug;
	if (o->name.n == 0 || !word_is_name(o->name))
		return refuse(op, "name must be text of 1 to 200 characters without control characters.");
	enum op_verdict verdict = check_outside(op, o->issuer, o->external_id);
	if (verdict == OP_MORE)
		verdict = admin_check_client(op);
	if (verdict != OP_MORE)
		return verdict;
	admin_complete_client(op, true);
	o->client = op->in.client;
	return OP_MORE;
}

enum op_verdict admin_check_org_change(struct op *op)
{
	const struct org_change *c = &op->in.org_change;
	if (c->name.p != NULL && (c->name.n == 0 || !word_is_name(c->name)))
		return refuse(op, "name must be text of 1 to 200 characters without control characters.");
	return check_outside(op, c->issuer, c->external_id);
}

/* ---- pages ---- */

enum op_verdict admin_read_page(struct op *op, struct str *ret_after)
{
	struct str token = op->in.page_token;
	char *text = arena_alloc(op->arena, PAGE_TOKEN_MAX);
	size_t n = 0;
	if (op->in.page_size == 0)
		op->in.page_size = PAGE_DEFAULT;
	if (op->in.page_size < 0 || op->in.page_size > ADMIN_PAGE_MAX)
		return refuse(op, "page_size must be an integer from 1 to 100.");
	*ret_after = STR_NONE;
	if (token.p == NULL)
		return OP_MORE;
	if (text == NULL || base64url_decode(token, text, PAGE_TOKEN_MAX, &n) != ERR_OK || n == 0 || !str_is_word(str_from(text, n), "_-"))
		return refuse(op, "page_token must be the next_page_token of an earlier page.");
	*ret_after = str_from(text, n);
	return OP_MORE;
}

void admin_put_next_page(struct op *op, struct str last)
{
	struct sbuf out = sbuf_in(op->arena, PAGE_TOKEN_MAX);
	sbuf_put_base64url(&out, last);
	op->out.next_page_token = sbuf_str(&out);
}
