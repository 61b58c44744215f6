#include "sql/console.h"

#include "base/visible.h"
#include "sql/outcome.h"

#define HOUR_US INT64_C(3600000000)

/* ---- rights ---- */

static const char *const words_of_rights[CONSOLE_RIGHTS] = {"read", "organizations", "clients", "reveal", "keys", "audit"};

unsigned console_right_of(struct str word)
{
	for (unsigned i = 0; i < CONSOLE_RIGHTS; i++)
		if (str_eq(word, str_of(words_of_rights[i])))
			return 1U << i;
	return 0;
}

size_t console_right_words(unsigned may, struct str out[CONSOLE_RIGHTS])
{
	size_t n = 0;
	for (unsigned i = 0; i < CONSOLE_RIGHTS; i++)
		if ((may & 1U << i) != 0)
			out[n++] = str_of(words_of_rights[i]);
	return n;
}

/* ---- links ---- */

const char *console_link_complete(struct console_link_spec *spec)
{
	if (spec->actor.n == 0 || spec->actor.n > PORTAL_ACTOR_MAX || !text_is_visible(spec->actor, ""))
		return "the operator's name must be of 1 to 200 bytes of UTF-8 without control characters and invisible ones.";
	if (spec->ttl == 0)
		spec->ttl = PORTAL_TTL_DEFAULT;
	if (spec->ttl < PORTAL_TTL_MIN || spec->ttl > PORTAL_TTL_MAX)
		return "the link must be good for 10 to 300 seconds.";
	spec->may = spec->may == 0 ? CONSOLE_ALL : spec->may | CONSOLE_READ;
	return NULL;
}

/* ---- parameters ---- */

static void put_hash(struct pg_params *p, const uint8_t hash[SHA256_LEN])
{
	pg_put_bytea(p, str_from(hash, SHA256_LEN));
}

void console_put_link(struct pg_params *p, const struct origin *origin, const struct uuid *link_id, const uint8_t code_hash[SHA256_LEN],
		      const struct console_link_spec *spec)
{
	struct str words[CONSOLE_RIGHTS];
	origin_put(p, origin);
	pg_put_uuid(p, link_id);
	put_hash(p, code_hash);
	pg_put_text(p, spec->actor);
	pg_put_array(p, PG_TEXT, words, console_right_words(spec->may, words));
	pg_put_int4(p, spec->ttl);
}

void console_put_open(struct pg_params *p, const struct origin *origin, const uint8_t code_hash[SHA256_LEN], const struct uuid *session_id,
		      const uint8_t token_hash[SHA256_LEN])
{
	put_hash(p, code_hash);
	pg_put_uuid(p, session_id);
	put_hash(p, token_hash);
	pg_put_uuid(p, &origin->request_id);
	pg_put_char(p, origin->transport);
	pg_put_text(p, origin->remote_addr);
	pg_put_text(p, origin->user_agent);
	pg_put_text(p, origin->traceparent);
}

void console_put_proof(struct pg_params *p, const struct operator_proof *by)
{
	pg_put_bytea(p, str_from(by->token_hash, sizeof by->token_hash));
	pg_put_uuid(p, by->is_session ? NULL : &by->jti);
}

void console_put_operator(struct pg_params *p, const struct origin *origin)
{
	console_put_proof(p, origin->by);
	pg_put_text(p, origin->actor);
	pg_put_uuid(p, &origin->request_id);
	pg_put_char(p, origin->transport);
	pg_put_text(p, origin->remote_addr);
	pg_put_text(p, origin->user_agent);
	pg_put_text(p, origin->traceparent);
	p->of = origin->act == NULL ? NULL : origin;
}

void console_put_end(struct pg_params *p, const struct origin *origin, const struct uuid *session_id, struct str actor)
{
	origin_put(p, origin);
	pg_put_uuid(p, session_id);
	pg_put_text(p, actor);
}

/* ---- rows ---- */

static unsigned take_rights(const PGresult *r, int row, struct arena *a)
{
	struct str words = pg_text_array_joined(r, row, 3, a);
	unsigned may = 0;
	while (words.n > 0)
		may |= console_right_of(str_split(&words, ' '));
	return may;
}

static struct console_session take_session(const PGresult *r, int row, struct arena *a)
{
	struct console_session s = {
		.session_id = pg_uuid(r, row, 1),
		.actor = arena_copy(a, pg_str(r, row, 2)),
		.may = take_rights(r, row, a),
		.made_at = pg_time_us(r, row, 4),
		.last_used_at = pg_time_us(r, row, 5),
		.expires_at = pg_time_us(r, row, 6),
	};
	s.idle_expires_at = s.last_used_at + HOUR_US < s.expires_at ? s.last_used_at + HOUR_US : s.expires_at;
	return s;
}

enum err console_take_sessions(const PGresult *r, struct arena *a, const struct console_session **ret, size_t *ret_n)
{
	int n = PQntuples(r);
	enum err err = n == 0 ? ERR_OK : outcome_err(pg_str(r, 0, 0));
	if (err != ERR_OK)
		return err;
	struct console_session *sessions = arena_alloc(a, ((size_t)n + 1) * sizeof *sessions);
	for (int i = 0; i < n && sessions != NULL; i++)
		sessions[i] = take_session(r, i, a);
	if (arena_overflowed(a))
		return ERR_NO_MEMORY;
	*ret = sessions;
	*ret_n = (size_t)n;
	return ERR_OK;
}
