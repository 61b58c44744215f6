#include "rest/rest_console.h"

#include "base/build.h"
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

static bool take_flag(struct op *op, const struct json *v, void *target)
{
	(void)op;
	*(bool *)target = v->type == JSON_TRUE;
	return v->type == JSON_TRUE || v->type == JSON_FALSE;
}

void rest_console_decode_key(struct op *op, struct str body)
{
	const struct json *object = rest_read_object(op, body);
	const struct rest_member of_rotation[] = {
		{"alg", take_text, &op->in.alg}, {"standby", take_flag, &op->in.standby}, {NULL, NULL, NULL}};
	const struct rest_member of_revocation[] = {{"now", take_flag, &op->in.now}, {NULL, NULL, NULL}};
	if (object != NULL)
		rest_take_members(op, object, "", op->spec->id == OP_ROTATE_SIGNING_KEY ? of_rotation : of_revocation);
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

/* ---- keys ---- */

/* Times that are infinite are not set yet. */
static void put_when(struct json_out *o, const char *key, int64_t us)
{
	rest_put_time_or_null(o, key, us == INT64_MAX || us == INT64_MIN ? 0 : us);
}

static void write_key(struct json_out *o, const struct shown_signing_key *k)
{
	json_put_str(o, "kid", k->kid);
	json_put_str(o, "alg", k->alg);
	json_put_str(o, "state", k->state);
	rest_put_time(o, "created_at", k->created_at);
	put_when(o, "active_from", k->active_from);
	put_when(o, "retired_at", k->retired_at);
	put_when(o, "revoked_at", k->revoked_at);
	put_when(o, "published_until", k->published_until);
}

static void write_master_key(struct json_out *o, const struct shown_master_key *k)
{
	json_put_str(o, "key_id", k->key_id);
	json_put_bool(o, "primary", k->primary);
	json_put_bool(o, "loaded", k->loaded);
	rest_put_time_or_null(o, "registered_at", k->registered_at);
	json_put_int(o, "secrets", k->secrets);
	json_put_int(o, "signing_keys", k->signing_keys);
}

static void write_keys(struct json_out *o, const struct op *op)
{
	const struct operator_answer *shown = &op->console->shown;
	json_open(o, "keys", '[');
	for (size_t i = 0; i < shown->n; i++) {
		json_open(o, NULL, '{');
		if (op->spec->id == OP_LIST_SIGNING_KEYS)
			write_key(o, &shown->signing_keys[i]);
		else
			write_master_key(o, &shown->master_keys[i]);
		json_close(o, '}');
	}
	json_close(o, ']');
}

/* ---- denied attempts ---- */

static void write_denied(struct json_out *o, const struct op *op)
{
	json_open(o, "denied", '[');
	for (size_t i = 0; i < op->console->shown.n; i++) {
		const struct denied_attempts *d = &op->console->shown.denied[i];
		json_open(o, NULL, '{');
		rest_put_time(o, "denied_at", d->minute);
		json_put_str(o, "reason", d->reason);
		json_put_str(o, "client_id", d->client_id);
		if (d->slug.p != NULL)
			write_organization(o, d->organization_id, d->slug, d->name);
		else
			json_put_str(o, "organization", STR_NONE);
		json_put_str(o, "remote_addr", d->remote_addr);
		json_put_int(o, "attempts", d->attempts);
		json_close(o, '}');
	}
	json_close(o, ']');
	json_put_str(o, "next_page_token", op->out.next_page_token);
}

/* ---- health ---- */

static struct str word_of(enum health_state state)
{
	return state == HEALTH_OK ? STR("ok") : state == HEALTH_WARNING ? STR("warning") : STR("failing");
}

static void write_database(struct json_out *o, const struct op *op)
{
	const struct database_health *h = op->console->shown.health;
	json_open(o, "database", '{');
	json_put_str(o, "server_version", arena_printf(op->arena, "%d.%d", (int)h->server_version / 10000, (int)h->server_version % 10000));
	json_put_bool(o, "primary", !h->in_recovery);
	json_put_int(o, "round_trip_ms", (h->round_trip_us + 999) / 1000);
	json_put_int(o, "connections", h->connections);
	json_close(o, '}');
}

static void write_health(struct json_out *o, const struct op *op)
{
	const struct op_console *console = op->console;
	enum health_state worst = HEALTH_OK;
	for (size_t i = 0; i < console->checks_n; i++)
		worst = console->checks[i].state > worst ? console->checks[i].state : worst;
	json_put_str(o, "status", word_of(worst));
	json_put_str(o, "version", STR(M2M_VERSION));
	json_put_str(o, "revision", build_revision() == NULL ? STR_NONE : str_of(build_revision()));
	rest_put_time(o, "started_at", op->env->started_us);
	json_put_int(o, "workers", op->env->config->workers);
	write_database(o, op);
	json_open(o, "checks", '[');
	for (size_t i = 0; i < console->checks_n; i++) {
		json_open(o, NULL, '{');
		json_put_str(o, "name", str_of(console->checks[i].name));
		json_put_str(o, "state", word_of(console->checks[i].state));
		json_put_str(o, "detail", console->checks[i].detail);
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
	case OP_LIST_SIGNING_KEYS:
	case OP_LIST_MASTER_KEYS:
		write_keys(o, op);
		break;
	case OP_ROTATE_SIGNING_KEY:
	case OP_REVOKE_SIGNING_KEY:
		write_key(o, &op->console->shown.signing_keys[0]);
		break;
	case OP_LIST_DENIED_AUDIT:
		write_denied(o, op);
		break;
	case OP_GET_HEALTH:
		write_health(o, op);
		break;
	default:
		write_session(o, &op->console->sessions[0]);
		break;
	}
}
