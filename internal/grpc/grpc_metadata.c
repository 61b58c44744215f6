/* nghttp2 has checked the fields' syntax, and that names are lower-case and pseudo-fields stand
 * there once. What is asked for is copied, the rest only counts against the limit. */
#include "grpc/grpc_metadata.h"

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

void grpc_metadata_add(struct grpc_metadata *m, struct arena *a, struct str name, struct str value)
{
	m->size += name.n + value.n + FIELD_OVERHEAD;
	if (m->whole)
		return;
	/* the refusal too is to be found by the client's request id, wherever that stood */
	if (grpc_metadata_too_large(m) && !(str_eq(name, STR("x-request-id")) && value.n <= REQUEST_ID_MAX))
		return;

	note_caller(m, a, name, value);
	const struct {
		struct str name;
		struct str *value;
		unsigned *count; /* NULL: a repeated one changes nothing */
	} kept[] = {
		{STR(":method"), &m->method, NULL},
		{STR(":path"), &m->path, NULL},
		{STR("content-type"), &m->content_type, NULL},
		{STR("grpc-encoding"), &m->encoding, NULL},
		{STR("grpc-accept-encoding"), &m->accept_encoding, NULL},
		{STR("grpc-timeout"), &m->timeout, NULL},
		{STR("authorization"), &m->authorization.value, &m->authorization.count},
		{STR("x-request-id"), &m->request_id.value, &m->request_id.count},
		{STR("traceparent"), &m->traceparent.value, &m->traceparent.count},
		{STR("idempotency-key"), &m->idempotency_key.value, &m->idempotency_key.count},
		{STR("user-agent"), &m->user_agent.value, &m->user_agent.count},
	};
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
		if (!str_eq(name, kept[i].name))
			continue;
		if (kept[i].value->p == NULL)
			*kept[i].value = arena_copy(a, value);
		if (kept[i].count != NULL)
			++*kept[i].count;
		return;
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
