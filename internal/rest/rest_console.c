#include "rest/rest_console.h"

#include "op/console.h"
#include "rest/rest_body.h"
#include "rest/rest_encode_admin.h"
#include "rest/rest_portal.h"

static bool take_text(struct op *op, const struct json *v, void *target)
{
	(void)op;
	return json_string(v, target) == ERR_OK;
}

void rest_console_decode_body(struct op *op, struct str body)
{
	struct op_console *console = op_console_of(op);
	const struct json *object = console == NULL ? NULL : rest_read_object(op, body);
	if (object == NULL)
		return;
	const struct rest_member members[] = {{"code", take_text, &console->code}, {NULL, NULL, NULL}};
	rest_take_members(op, object, "", members);
}

static void write_session(struct json_out *o, const struct console_session *s)
{
	struct str words[CONSOLE_RIGHTS];
	size_t n = console_right_words(s->may, words);
	json_put_str(o, "actor", s->actor);
	json_open(o, "may", '[');
	for (size_t i = 0; i < n; i++)
		json_put_str(o, NULL, words[i]);
	json_close(o, ']');
	rest_put_time(o, "expires_at", s->expires_at);
	rest_put_time(o, "idle_expires_at", s->idle_expires_at);
}

static void write_sessions(struct json_out *o, const struct op *op)
{
	json_open(o, "sessions", '[');
	for (size_t i = 0; i < op->out.rows; i++) {
		const struct console_session *s = &op->console->sessions[i];
		json_open(o, NULL, '{');
		rest_put_uuid(o, "session_id", s->session_id);
		write_session(o, s);
		rest_put_time(o, "made_at", s->made_at);
		rest_put_time(o, "last_used_at", s->last_used_at);
		json_close(o, '}');
	}
	json_close(o, ']');
}

static void write_organization(struct json_out *o, struct uuid id, struct str slug, struct str name)
{
	json_open(o, "organization", '{');
	rest_put_uuid(o, "id", id);
	json_put_str(o, "slug", slug);
	json_put_str(o, "name", name);
	json_close(o, '}');
}

static void write_clients(struct json_out *o, const struct op *op)
{
	json_open(o, "clients", '[');
	for (size_t i = 0; i < op->out.rows; i++) {
		const struct found_client *c = &op->out.found_clients[i];
		json_open(o, NULL, '{');
		json_put_str(o, "client_id", c->client_id);
		json_put_str(o, "name", c->name);
		write_organization(o, c->organization_id, c->slug, c->organization_name);
		json_put_bool(o, "disabled", c->disabled_at != 0);
		rest_put_time(o, "created_at", c->created_at);
		rest_put_time_or_null(o, "last_used_at", c->last_used_at);
		json_close(o, '}');
	}
	json_close(o, ']');
}

void rest_console_write(struct json_out *o, const struct op *op)
{
	bool console = op->in.kind.p != NULL && str_eq(op->in.kind, STR("console"));
	switch (op->spec->id) {
	case OP_LIST_SESSIONS:
		if (console)
			write_sessions(o, op);
		else
			rest_portal_write_sessions(o, op);
		json_put_str(o, "next_page_token", op->out.next_page_token);
		break;
	case OP_LIST_ALL_CLIENTS:
		write_clients(o, op);
		json_put_str(o, "next_page_token", op->out.next_page_token);
		break;
	default:
		write_session(o, &op->console->sessions[0]);
		break;
	}
}
