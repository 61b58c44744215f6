#include "rest/rest_console.h"

#include "op/console.h"
#include "rest/rest_body.h"
#include "rest/rest_encode_admin.h"

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

void rest_console_write(struct json_out *o, const struct op *op)
{
	write_session(o, &op->console->sessions[0]);
}
