#include "op/admin_input.h"

#include "base/base64.h"
#include "base/clock.h"
#include "op/op_input.h"
#include "op/op_steps.h"
#include "sql/org.h"

#define PAGE_DEFAULT   50
#define PAGE_TOKEN_MAX 128

static enum op_verdict refuse(struct op *op, const char *sentence)
{
	return op_fail(op, ERR_INVALID_REQUEST, sentence);
}

static enum op_verdict check(struct op *op, const char *fault)
{
	return fault == NULL ? OP_MORE : refuse(op, fault);
}

static enum op_verdict settle_networks(struct op *op, struct networks *networks)
{
	struct networks_fault fault;
	if (networks_settle(op->arena, networks, &fault))
		return OP_MORE;
	if (fault.network.p == NULL)
		return refuse(op, fault.says);
	op_refuse_name(op, "allowed_networks: ", fault.network, fault.says);
	return OP_DONE;
}

/* ---- clients ---- */

static enum op_verdict check_secret_end(struct op *op)
{
	const char *fault = secret_end_fault(&op->in.client.secret, clock_wall_us());
	return fault == NULL ? OP_MORE : refuse(op, arena_printf(op->arena, "secret_%s", fault).p);
}

enum op_verdict admin_check_client(struct op *op, bool is_new)
{
	const struct client_spec *c = &op->in.client;
	enum op_verdict verdict = check(op, is_new ? client_new_fault(c) : client_spec_fault(c));
	if (verdict == OP_MORE)
		verdict = check_secret_end(op);
	return verdict == OP_MORE ? settle_networks(op, &op->in.client.networks) : verdict;
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

enum op_verdict admin_check_new_org(struct op *op)
{
	struct org_spec *o = &op->in.new_org;
	o->client = op->in.client;
	enum op_verdict verdict = check(op, org_spec_fault(o));
	if (verdict == OP_MORE)
		verdict = check_secret_end(op);
	if (verdict == OP_MORE)
		verdict = settle_networks(op, &o->networks);
	if (verdict == OP_MORE)
		verdict = settle_networks(op, &op->in.client.networks);
	if (verdict != OP_MORE)
		return verdict;
	if (o->name.p == NULL)
		o->name = o->slug;
	admin_complete_client(op, true);
	o->client = op->in.client;
	return OP_MORE;
}

enum op_verdict admin_check_org_change(struct op *op)
{
	enum op_verdict verdict = check(op, org_change_fault(&op->in.org_change));
	return verdict == OP_MORE ? settle_networks(op, &op->in.org_change.networks) : verdict;
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
	if (op->in.expiring < 0)
		return refuse(op, "expiring_within must be an integer of seconds from 1 to 315360000.");
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
