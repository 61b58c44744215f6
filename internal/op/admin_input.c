#include "op/admin_input.h"

#include <endian.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/visible.h"
#include "op/credential_form.h"
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

/* ---- searches ---- */

static enum op_verdict check_size(struct op *op)
{
	if (op->in.page_size == 0)
		op->in.page_size = PAGE_DEFAULT;
	return op->in.page_size < 0 || op->in.page_size > ADMIN_PAGE_MAX ? refuse(op, "page_size must be an integer from 1 to 100.")
									 : OP_MORE;
}

static enum op_verdict check_search(struct op *op)
{
	struct str s = op->in.search;
	if (s.p != NULL && (s.n == 0 || s.n > SEARCH_MAX || !text_is_visible(s, "")))
		return refuse(op, "search must be 1 to 200 bytes of UTF-8 without control characters and invisible ones.");
	return OP_MORE;
}

enum op_verdict admin_read_org_search(struct op *op, struct org_search *ret)
{
	struct str state = op->in.state;
	*ret = (struct org_search){.search = op->in.search};
	if (state.p != NULL && !str_eq(state, STR("enabled")) && !str_eq(state, STR("disabled")))
		return refuse(op, "state must be enabled or disabled.");
	if (state.p != NULL)
		ret->disabled = str_eq(state, STR("disabled")) ? CHANGE_ON : CHANGE_OFF;
	return check_search(op);
}

enum op_verdict admin_read_client_search(struct op *op, struct client_search *ret)
{
	size_t cap = FOREIGN_MAX + 1;
	char *text = arena_alloc(op->arena, cap);
	size_t n = 0;
	enum op_verdict verdict = check_size(op);
	if (verdict == OP_MORE)
		verdict = check_search(op);
	*ret = (struct client_search){.search = op->in.search.p == NULL ? STR("") : op->in.search};
	if (verdict != OP_MORE || op->in.page_token.p == NULL)
		return verdict;
	if (text == NULL || base64url_decode(op->in.page_token, text, cap, &n) != ERR_OK || n < 2 || (text[0] != 'i' && text[0] != 'n') ||
	    !op_may_be_client_id(op, str_from(text + 1, n - 1)))
		return refuse(op, "page_token must be the next_page_token of an earlier page.");
	ret->place = text[0];
	ret->after = str_from(text + 1, n - 1);
	return OP_MORE;
}

void admin_put_next_client(struct op *op, char place, struct str last)
{
	struct str whole = arena_printf(op->arena, "%c%.*s", place, STR_ARG(last));
	struct sbuf out = sbuf_in(op->arena, BASE64URL_LEN(whole.n) + 1);
	sbuf_put_base64url(&out, whole);
	op->out.next_page_token = sbuf_str(&out);
}

/* ---- places ---- */

struct place {
	char kind;
	uint8_t at[8];
	uint8_t id[16];
	uint8_t number[4];
};
_Static_assert(sizeof(struct place) == 29, "bytes only");

void admin_put_place(struct op *op, char kind, int64_t at, struct uuid id, uint32_t number)
{
	struct place place = {.kind = kind};
	uint64_t at_be = htobe64((uint64_t)at);
	uint32_t number_be = htobe32(number);
	struct sbuf out = sbuf_in(op->arena, BASE64URL_LEN(sizeof place) + 1);
	memcpy(place.at, &at_be, sizeof at_be);
	memcpy(place.id, id.b, sizeof place.id);
	memcpy(place.number, &number_be, sizeof number_be);
	sbuf_put_base64url(&out, str_from(&place, sizeof place));
	op->out.next_page_token = sbuf_str(&out);
}

enum op_verdict admin_read_place(struct op *op, char kind, int64_t *ret_at, struct uuid *ret_id, uint32_t *ret_number)
{
	struct place place;
	uint64_t at;
	uint32_t number;
	size_t n = 0;
	enum op_verdict verdict = check_size(op);
	if (verdict != OP_MORE || op->in.page_token.p == NULL)
		return verdict;
	if (base64url_decode(op->in.page_token, &place, sizeof place, &n) != ERR_OK || n != sizeof place || place.kind != kind)
		return refuse(op, "page_token must be the next_page_token of an earlier page of this list.");
	memcpy(&at, place.at, sizeof at);
	memcpy(&number, place.number, sizeof number);
	*ret_at = (int64_t)be64toh(at);
	if (*ret_at < 0 || *ret_at > CLOCK_LATEST_US)
		return refuse(op, "page_token must be the next_page_token of an earlier page of this list.");
	memcpy(ret_id->b, place.id, sizeof place.id);
	*ret_number = be32toh(number);
	return OP_MORE;
}
