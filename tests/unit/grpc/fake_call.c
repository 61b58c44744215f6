#include "unit/grpc/fake_call.h"

#include <criterion/criterion.h>

#include "base/arena.h"
#include "grpc/grpc_server.h"

enum { RESOURCE_EXHAUSTED = 8 };

struct grpc_server fake_server;
static struct arena *memory;

void fake_up(void)
{
	memory = arena_new(1024 * 1024);
	cr_assert_not_null(memory);
	grpc_health_init(&fake_server.health);
	fake_server.reflection = grpc_reflection_new(memory);
	cr_assert_not_null(fake_server.reflection);
}

void fake_down(void)
{
	arena_free(memory);
}

struct grpc_call *fake_call_open(const struct grpc_method *methods, size_t n, const char *path)
{
	struct grpc_call *call = arena_alloc(memory, sizeof *call);
	cr_assert_not_null(call);
	call->status = -1;
	for (size_t i = 0; i < n; i++)
		if (strcmp(methods[i].path, path) == 0)
			call->method = &methods[i];
	cr_assert_not_null(call->method, "no method %s", path);
	return call;
}

void fake_call_message(struct grpc_call *call, struct str message)
{
	call->method->on_message(call, message);
}

void fake_call_close(struct grpc_call *call)
{
	if (call->gone)
		return;
	call->gone = true;
	if (call->method->on_gone != NULL)
		call->method->on_gone(call);
	memset(&call->node, 0xa5, sizeof call->node); /* whoever still follows it will notice */
}

bool grpc_call_send(struct grpc_call *call, struct str message)
{
	cr_assert_not(call->gone, "a message to a call that has gone");
	if (call->full)
		grpc_call_end(call, RESOURCE_EXHAUSTED, STR_NONE);
	if (call->ended)
		return false;
	cr_assert_lt(call->sent_n, FAKE_SENT_MAX);
	call->sent[call->sent_n] = arena_copy(memory, message);
	cr_assert_not_null(call->sent[call->sent_n++].p);
	return true;
}

void grpc_call_end(struct grpc_call *call, int status, struct str message)
{
	cr_assert_not(call->gone, "the end of a call that has gone");
	if (call->ended)
		return;
	call->ended = true;
	call->status = status;
	call->text = arena_copy(memory, message);
	if (call->takes_along != NULL)
		fake_call_close(call->takes_along);
	if (!call->lingers)
		fake_call_close(call);
}

struct grpc_server *grpc_call_server(struct grpc_call *call)
{
	(void)call;
	return &fake_server;
}

void **grpc_call_data(struct grpc_call *call)
{
	return &call->data;
}

struct list *grpc_call_node(struct grpc_call *call)
{
	return &call->node;
}

struct grpc_call *grpc_call_of_node(struct list *node)
{
	return LIST_OWNER(node, struct grpc_call, node);
}

struct grpc_health *grpc_server_health(struct grpc_server *s)
{
	return &s->health;
}

struct grpc_reflection *grpc_server_reflection(struct grpc_server *s)
{
	return s->reflection;
}
