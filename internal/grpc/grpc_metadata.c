/* nghttp2 has checked the fields' syntax, and that names are lower-case and pseudo-fields stand
 * there once. What is asked for is copied, the rest only counts against the limit. */
#include "grpc/grpc_metadata.h"

#include <stddef.h>
#include <string.h>

#include "op/op_input.h"

/* RFC 9113 section 6.5.2: what each field counts beyond its bytes. */
#define FIELD_OVERHEAD 32

#define REQUEST_ID_MAX 64 /* op_set_request_id takes no longer one */

void grpc_metadata_init(struct grpc_metadata *m, const struct proxies *proxies, const struct remote *remote)
{
	*m = (struct grpc_metadata){.size = 0};
	forwarded_begin(&m->caller, proxies, remote);
}

/* What is kept of it outlives the frame. */
static void note_caller(struct grpc_metadata *m, struct arena *a, struct str name, struct str value)
{
	struct forwarded *caller = &m->caller;
	unsigned certificates = caller->certificates;
	unsigned chains = caller->chains;
	forwarded_note(caller, name, value);
	if (certificates == 0 && caller->certificates == 1)
		caller->certificate = arena_copy(a, caller->certificate);
	if (chains < caller->chains && chains < FORWARDED_CHAIN_MAX)
		caller->chain[chains] = arena_copy(a, caller->chain[chains]);
}

struct kept {
	struct str name;
	size_t value; /* where in struct grpc_metadata */
	size_t count; /* likewise; 0: a repeated one changes nothing */
};

#define AT(member) offsetof(struct grpc_metadata, member)
static const struct kept kept[] = {
	{STR(":method"), AT(method), 0},
	{STR(":path"), AT(path), 0},
	{STR("content-type"), AT(content_type), 0},
	{STR("grpc-encoding"), AT(encoding), 0},
	{STR("grpc-accept-encoding"), AT(accept_encoding), 0},
	{STR("grpc-timeout"), AT(timeout), 0},
	{STR("authorization"), AT(authorization.value), AT(authorization.count)},
	{STR("x-request-id"), AT(request_id.value), AT(request_id.count)},
	{STR("traceparent"), AT(traceparent.value), AT(traceparent.count)},
	{STR("idempotency-key"), AT(idempotency_key.value), AT(idempotency_key.count)},
	{STR("user-agent"), AT(user_agent.value), AT(user_agent.count)},
};
#undef AT

static void keep(struct grpc_metadata *m, struct arena *a, const struct kept *k, struct str value)
{
	struct str *to = (struct str *)(void *)((char *)m + k->value);
	if (to->p == NULL)
		*to = arena_copy(a, value);
	if (k->count != 0)
		++*(unsigned *)(void *)((char *)m + k->count);
}

void grpc_metadata_add(struct grpc_metadata *m, struct arena *a, struct str name, struct str value)
{
	m->size += name.n + value.n + FIELD_OVERHEAD;
	if (m->whole)
		return;
	if (grpc_metadata_too_large(m)) {
		forwarded_forget(&m->caller);
		/* the refusal too is to be found by the client's request id, wherever that stood */
		if (!str_eq(name, STR("x-request-id")) || value.n > REQUEST_ID_MAX)
			return;
	}
	if (forwarded_by_field(&m->caller))
		note_caller(m, a, name, value);
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
		if (name.n == kept[i].name.n && memcmp(name.p, kept[i].name.p, name.n) == 0) {
			keep(m, a, &kept[i], value);
			return;
		}
	}
}

bool grpc_metadata_too_large(const struct grpc_metadata *m)
{
	return m->size > GRPC_HEADER_LIST_MAX;
}

/* Of two, neither can be believed. */
static struct str only(const struct grpc_field *f)
{
	return f->count == 1 ? f->value : STR_NONE;
}

void grpc_metadata_apply(const struct grpc_metadata *m, struct op *op)
{
	char address[IP_TEXT_MAX];
	op_set_request_id(op, only(&m->request_id));
	op_set_origin(op, 'g', forwarded_text(&m->caller, address), m->user_agent.value, only(&m->traceparent));

	if (op->spec == NULL || op->err != ERR_OK)
		return;
	if (op->spec->who != OP_BY_ANYONE && op->spec->who != OP_BY_CLIENT)
		op_set_bearer(op, m->authorization.count, m->authorization.value);
	if (op->err == ERR_OK && op->spec->id == OP_ROTATE_SECRET)
		op_set_idempotency_key(op, m->idempotency_key.count, m->idempotency_key.value);
}
