/* The rules for what stands in headers or metadata, once for all transports. A value that breaks
 * one fails the op (op_fail) or, where only the record would suffer, is dropped. */
#include "op/op_input.h"

#define USER_AGENT_MAX      256
#define TRACEPARENT_LEN     55
#define IDEMPOTENCY_KEY_MAX 255
#define SHOWN_NAME_MAX      64

/* Printable ASCII, cut to `max`: the audit's text columns take no invalid UTF-8, and no terminal
 * wants control characters. */
static struct str printable(struct arena *a, struct str s, size_t max)
{
	if (s.p == NULL)
		return STR_NONE;
	struct sbuf out = sbuf_in(a, s.n < max ? s.n + 1 : max + 1);
	for (size_t i = 0; i < s.n && i < max; i++)
		sbuf_putc(&out, s.p[i] >= 0x20 && s.p[i] < 0x7f ? s.p[i] : '?');
	return sbuf_str(&out);
}

/* W3C Trace Context, version 00: 00-<32 hex>-<16 hex>-<2 hex>. Anything else is dropped, as the
 * recommendation says. */
static bool traceparent_well_formed(struct str s)
{
	static const char form[] = "00-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
	if (s.n != TRACEPARENT_LEN)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		bool hex = (s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f');
		if (form[i] == 'x' ? !hex : s.p[i] != form[i])
			return false;
	}
	return true;
}

void op_set_origin(struct op *op, char transport, struct str remote_addr, struct str user_agent, struct str traceparent)
{
	op->origin.transport = transport;
	op->origin.remote_addr = arena_copy(op->arena, remote_addr);
	op->origin.user_agent = printable(op->arena, user_agent, USER_AGENT_MAX);
	if (traceparent_well_formed(traceparent))
		op->origin.traceparent = arena_copy(op->arena, traceparent);
}

bool op_take_scheme(struct str *value, struct str scheme)
{
	if (value->n <= scheme.n || !str_eq_nocase(str_from(value->p, scheme.n), scheme) || value->p[scheme.n] != ' ')
		return false;
	*value = str_trim(str_from(value->p + scheme.n, value->n - scheme.n));
	return true;
}

static bool take_bearer_scheme(struct op *op, struct str *value)
{
	if (op_take_scheme(value, STR("Bearer")))
		return true;
	op->in.dpop_scheme = op_take_scheme(value, STR("DPoP"));
	return op->in.dpop_scheme;
}

void op_set_bearer(struct op *op, unsigned count, struct str value)
{
	if (count == 0)
		return;
	if (count > 1)
		op_fail(op, ERR_INVALID_REQUEST, "There is more than one Authorization header.");
	else if (!take_bearer_scheme(op, &value) || value.n == 0)
		op_fail(op, ERR_MISSING_TOKEN, NULL);
	else
		op->in.bearer = arena_copy(op->arena, value);
	arena_wipe_on_free(op->arena); /* whatever it was, the memory is used again */
}

void op_set_idempotency_key(struct op *op, unsigned count, struct str value)
{
	if (count == 0)
		return;
	bool good = count == 1 && value.n >= 1 && value.n <= IDEMPOTENCY_KEY_MAX;
	for (size_t i = 0; good && i < value.n; i++)
		good = value.p[i] > 0x20 && value.p[i] < 0x7f;
	if (good)
		op->in.idempotency_key = arena_copy(op->arena, value);
	else
		op_fail(op, ERR_INVALID_REQUEST, "The Idempotency-Key must be one value of 1 to 255 visible ASCII characters.");
}

/* RFC 9110 section 13.1.2: weak comparison, with any of the list. */
static bool is_among(struct str tag, struct str given)
{
	for (struct str one; (one = str_split(&given, ',')).p != NULL;) {
		one = str_trim(one);
		if (str_starts(one, STR("W/")))
			one = str_from(one.p + 2, one.n - 2);
		if (str_eq(one, tag) || str_eq(one, STR("*")))
			return true;
	}
	return false;
}

void op_compare_etag(struct op *op)
{
	op->out.not_modified = op->out.etag.p != NULL && is_among(op->out.etag, op->in.if_none_match);
}

static void put_name(struct sbuf *out, struct str name)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t end = out->n + SHOWN_NAME_MAX;
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];
		bool plain = c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '%';
		const char escape[3] = {'%', hex[c >> 4], hex[c & 15]};
		if (out->n + (plain ? 1 : sizeof escape) > end) {
			sbuf_putz(out, "...");
			return;
		}
		sbuf_put(out, plain ? str_from(name.p + i, 1) : str_from(escape, sizeof escape));
	}
	if (name.n == 0)
		sbuf_putz(out, "''");
}

void op_refuse_name(struct op *op, const char *before, struct str name, const char *after)
{
	struct sbuf out = sbuf_in(op->arena, 128);
	sbuf_putz(&out, before);
	put_name(&out, name);
	sbuf_putz(&out, after);
	/* NUL-terminated, and as long-lived as the op */
	op_fail(op, ERR_INVALID_REQUEST, sbuf_str(&out).p);
}

void op_set_grace(struct op *op, int64_t seconds)
{
	if (seconds < 0 || seconds > OP_GRACE_MAX)
		op_fail(op, ERR_INVALID_REQUEST, "grace_seconds must be an integer from 0 to 604800.");
	else
		op->in.grace_seconds = (int32_t)seconds;
	op->in.grace_given = true;
}

static void set_within(struct op *op, int64_t given, int32_t max, int32_t *target, const char *fault)
{
	if (given < 1 || given > max)
		op_fail(op, ERR_INVALID_REQUEST, fault);
	else
		*target = (int32_t)given;
}

void op_set_until_unused(struct op *op, int64_t seconds)
{
	set_within(op, seconds, OP_UNTIL_UNUSED_MAX, &op->in.until_unused_seconds,
		   "until_unused_seconds must be an integer from 1 to 2592000.");
}

void op_set_at_most(struct op *op, int64_t seconds)
{
	set_within(op, seconds, OP_AT_MOST_MAX, &op->in.at_most_seconds, "at_most_seconds must be an integer from 1 to 7776000.");
}

void op_set_prolonged(struct op *op, int64_t seconds)
{
	set_within(op, seconds, OP_AT_MOST_MAX, &op->in.grace_seconds, "grace_seconds must be an integer from 1 to 7776000.");
}

void op_set_secret_version(struct op *op, int64_t version)
{
	set_within(op, version, INT32_MAX, &op->in.secret_version, "secret_version must be a positive integer.");
}
