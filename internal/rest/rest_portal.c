#include "rest/rest_portal.h"

#include "base/uri.h"
#include "op/console.h"
#include "op/portal.h"
#include "rest/rest_body.h"
#include "rest/rest_decode_admin.h"
#include "rest/rest_encode_admin.h"

/* ---- where a request comes from ---- */

static struct str only(const struct rest_message *m, enum rest_header h)
{
	return m->headers[h].count == 1 ? m->headers[h].value : STR_NONE;
}

/* "scheme://host:port/" of it, normalized; absent: it isn't one. */
static struct str origin_of(struct str url, struct sbuf *out)
{
	if (uri_put_normalized(url, out) != ERR_OK)
		return STR_NONE;
	struct str whole = sbuf_str(out);
	size_t slashes = 0, n = 0;
	while (n < whole.n && slashes < 3)
		slashes += whole.p[n++] == '/';
	return str_from(whole.p, n);
}

/* An origin has neither path nor anything behind it. */
static bool is_bare(struct str origin)
{
	size_t slashes = 0;
	for (size_t i = 0; i < origin.n; i++)
		slashes += origin.p[i] == '/' || origin.p[i] == '?' || origin.p[i] == '#';
	return slashes == 2;
}

bool rest_portal_is_origin(struct str origin, struct str url)
{
	char here[URI_MAX + 1], there[URI_MAX + 1];
	struct sbuf mine = sbuf_fixed(here, sizeof here), its = sbuf_fixed(there, sizeof there);
	if (origin.p == NULL || !is_bare(origin))
		return false;
	struct str a = origin_of(url, &mine), b = origin_of(origin, &its);
	return a.p != NULL && b.p != NULL && str_eq(a, b);
}

/* Where nobody has set the public URL, the browser knows the gateway by the Host that it asks. */
static bool is_own_origin(const struct rest_message *m, struct op *op, struct str origin)
{
	const struct config *config = op->env->config;
	if (rest_portal_is_origin(origin, config->public_url))
		return true;
	struct str host = only(m, REST_HOST);
	struct str scheme = str_starts(config->public_url, STR("https:")) ? STR("https") : STR("http");
	return config->issuer_by_default && host.p != NULL &&
	       rest_portal_is_origin(origin, arena_printf(op->arena, "%.*s://%.*s", STR_ARG(scheme), STR_ARG(host)));
}

/* Fetch Metadata: a GET of the same origin has no Origin. */
static bool is_read_of_own_page(const struct rest_message *m)
{
	bool reads = str_eq(m->method, STR("GET")) || str_eq(m->method, STR("HEAD"));
	struct str site = only(m, REST_SEC_FETCH_SITE);
	return reads && m->headers[REST_ORIGIN].count == 0 &&
	       (m->headers[REST_SEC_FETCH_SITE].count == 0 || (site.p != NULL && str_eq(site, STR("same-origin"))));
}

/* ---- the two kinds of pages ---- */

struct pages {
	enum rest_header mark;
	const char *cookie;
	const char *unmarked, *from_elsewhere; /* refusals */
};

static const struct pages of_portal = {REST_X_M2M_PORTAL, "__Host-m2m_session", "A portal session is used with the header X-M2M-Portal: 1.",
				       "A portal session is used from the gateway's own origin."};
static const struct pages of_console = {REST_X_M2M_CONSOLE, "__Host-m2m_console",
					"A console session is used with the header X-M2M-Console: 1.",
					"A console session is used from the gateway's own origin."};

static void hold_to(const struct rest_message *m, struct op *op, const struct pages *pages)
{
	struct str mark = only(m, pages->mark);
	if (m->headers[REST_X_M2M_PORTAL].count > 0 && m->headers[REST_X_M2M_CONSOLE].count > 0)
		op_fail(op, ERR_FORBIDDEN, "A request is of the portal or of the console, not of both.");
	else if (mark.p == NULL || !str_eq(mark, STR("1")))
		op_fail(op, ERR_FORBIDDEN, pages->unmarked);
	else if (!is_read_of_own_page(m) && !is_own_origin(m, op, only(m, REST_ORIGIN)))
		op_fail(op, ERR_FORBIDDEN, pages->from_elsewhere);
}

void rest_portal_hold_to_page(const struct rest_message *m, struct op *op)
{
	hold_to(m, op, op->spec->id == OP_OPEN_CONSOLE_SESSION ? &of_console : &of_portal);
}

/* ---- cookies (RFC 6265 section 5.4) ---- */

/* One that stands there twice is nobody's. */
static struct str session_of(struct str cookies, const struct pages *pages)
{
	struct str found = STR_NONE;
	unsigned n = 0;
	while (cookies.p != NULL) {
		struct str value = str_split(&cookies, ';');
		struct str name = str_trim(str_split(&value, '='));
		if (value.p == NULL || !str_eq(name, str_of(pages->cookie)))
			continue;
		found = str_trim(value);
		n++;
	}
	return n == 1 ? found : STR_NONE;
}

/* The mark says which cookie counts. Without one both wait for theirs. */
static const struct pages *pages_of(const struct rest_message *m)
{
	bool portal = m->headers[REST_X_M2M_PORTAL].count > 0 || session_of(only(m, REST_COOKIE), &of_portal).p != NULL;
	return m->headers[REST_X_M2M_CONSOLE].count > 0 || !portal ? &of_console : &of_portal;
}

void rest_portal_decode_session(const struct rest_message *m, struct op *op)
{
	const struct pages *pages = pages_of(m);
	struct str token = session_of(only(m, REST_COOKIE), pages);
	if (token.p == NULL || op->err != ERR_OK)
		return;
	hold_to(m, op, pages);
	if (op->err == ERR_OK && pages == &of_portal && op_portal_of(op) != NULL)
		op->portal->token = arena_copy(op->arena, token);
	if (op->err == ERR_OK && pages == &of_console && op_console_of(op) != NULL)
		op->console->token = arena_copy(op->arena, token);
}

static void set_cookie(struct rest_answer *a, struct op *op, const struct pages *pages, const struct portal_secret *made)
{
	struct str value = made == NULL ? STR("") : str_from(made->text, sizeof made->text);
	rest_answer_add(a, STR("Set-Cookie"),
			arena_printf(op->arena, "%s=%.*s; Path=/; Secure; HttpOnly; SameSite=Strict%s", pages->cookie, STR_ARG(value),
				     made == NULL ? "; Max-Age=0" : ""));
}

void rest_portal_add_cookie(struct rest_answer *a, struct op *op)
{
	if (op->spec->id == OP_OPEN_PORTAL_SESSION)
		set_cookie(a, op, &of_portal, &op->portal->made);
	else if (op->spec->id == OP_OPEN_CONSOLE_SESSION)
		set_cookie(a, op, &of_console, &op->console->made);
	else if (op->spec->id == OP_CLOSE_PORTAL_SESSION)
		set_cookie(a, op, &of_portal, NULL);
	else if (op->spec->id == OP_CLOSE_CONSOLE_SESSION)
		set_cookie(a, op, &of_console, NULL);
}

/* ---- bodies ---- */

static bool take_text(struct op *op, const struct json *v, void *target)
{
	(void)op;
	return json_string(v, target) == ERR_OK;
}

/* null: none. */
static bool take_text_or_none(struct op *op, const struct json *v, void *target)
{
	return v->type == JSON_NULL || take_text(op, v, target);
}

static bool take_rights(struct op *op, const struct json *v, void *target)
{
	unsigned *may = target;
	if (v->type != JSON_ARRAY)
		return false;
	for (const struct json *one = v->child; one != NULL; one = one->next) {
		unsigned right = one->type == JSON_STRING ? portal_right_of(one->text) : 0;
		if (right == 0)
			op_fail(op, ERR_INVALID_REQUEST, "may has words of " PORTAL_RIGHTS_TEXT ".");
		*may |= right;
	}
	return true;
}

void rest_portal_decode_body(struct op *op, struct str body)
{
	struct op_portal *portal = op_portal_of(op);
	const struct json *object = portal == NULL ? NULL : rest_read_object(op, body);
	if (object == NULL)
		return;
	const struct rest_member of_code[] = {{"code", take_text, &portal->code}, {NULL, NULL, NULL}};
	const struct rest_member of_link[] = {
		{"actor", take_text, &portal->link.actor},
		{"may", take_rights, &portal->link.may},
		{"return_url", take_text_or_none, &portal->link.return_url},
		{"ttl", rest_take_seconds, &portal->link.ttl},
		{NULL, NULL, NULL},
	};
	rest_take_members(op, object, "", op->spec->id == OP_OPEN_PORTAL_SESSION ? of_code : of_link);
}

static void write_rights(struct json_out *o, unsigned may)
{
	struct str words[PORTAL_RIGHTS];
	size_t n = portal_right_words(may, words);
	json_open(o, "may", '[');
	for (size_t i = 0; i < n; i++)
		json_put_str(o, NULL, words[i]);
	json_close(o, ']');
}

static void write_session(struct json_out *o, const struct portal_session *s)
{
	json_open(o, "organization", '{');
	rest_put_uuid(o, "id", s->organization_id);
	json_put_str(o, "slug", s->slug);
	json_put_str(o, "name", s->name);
	json_close(o, '}');
	json_put_str(o, "actor", s->actor);
	write_rights(o, s->may);
	json_put_str(o, "return_url", s->return_url);
	rest_put_time(o, "expires_at", s->expires_at);
	rest_put_time(o, "idle_expires_at", s->idle_expires_at);
}

void rest_portal_write_sessions(struct json_out *o, const struct op *op)
{
	json_open(o, "sessions", '[');
	for (size_t i = 0; i < op->out.rows; i++) {
		json_open(o, NULL, '{');
		rest_put_uuid(o, "session_id", op->portal->sessions[i].session_id);
		write_session(o, &op->portal->sessions[i]);
		rest_put_time(o, "made_at", op->portal->sessions[i].made_at);
		rest_put_time(o, "last_used_at", op->portal->sessions[i].last_used_at);
		json_close(o, '}');
	}
	json_close(o, ']');
}

void rest_portal_write(struct json_out *o, const struct op *op)
{
	if (op->spec->id == OP_LIST_PORTAL_SESSIONS) {
		rest_portal_write_sessions(o, op);
	} else if (op->spec->id == OP_CREATE_PORTAL_LINK) {
		json_put_str(o, "url", op->portal->url);
		rest_put_time(o, "expires_at", op->portal->expires_at);
	} else {
		write_session(o, &op->portal->sessions[0]);
	}
}
