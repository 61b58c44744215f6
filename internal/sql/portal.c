#include "sql/portal.h"

#include "base/base64.h"
#include "base/sbuf.h"
#include "base/uri.h"
#include "base/visible.h"
#include "sql/admin_statement.h"
#include "sql/outcome.h"

/* ---- rights ---- */

static const struct {
	unsigned right;
	const char *word;
} rights[PORTAL_RIGHTS] = {
	{PORTAL_READ, "read"}, {PORTAL_REVEAL, "reveal"}, {PORTAL_ROTATE, "rotate"}, {PORTAL_CLIENTS, "clients"}, {PORTAL_AUDIT, "audit"}};

unsigned portal_right_of(struct str word)
{
	for (size_t i = 0; i < PORTAL_RIGHTS; i++)
		if (str_eq(word, str_of(rights[i].word)))
			return rights[i].right;
	return 0;
}

size_t portal_right_words(unsigned may, struct str out[PORTAL_RIGHTS])
{
	size_t n = 0;
	for (size_t i = 0; i < PORTAL_RIGHTS; i++)
		if ((may & rights[i].right) != 0)
			out[n++] = str_of(rights[i].word);
	return n;
}

/* ---- links ---- */

static bool is_web_address(struct str url)
{
	char text[URI_MAX + 1];
	struct sbuf normalized = sbuf_fixed(text, sizeof text);
	return url.n <= PORTAL_URL_MAX && uri_put_normalized(url, &normalized) == ERR_OK;
}

const char *portal_link_complete(struct portal_link_spec *spec)
{
	if (spec->actor.n == 0 || spec->actor.n > PORTAL_ACTOR_MAX || !text_is_visible(spec->actor, ""))
		return "actor must be the person's name, of 1 to 200 bytes of UTF-8 without control characters and invisible ones.";
	if (spec->return_url.p != NULL && !is_web_address(spec->return_url))
		return "return_url must be an absolute http or https URL of at most 2000 characters.";
	if (spec->ttl == 0)
		spec->ttl = PORTAL_TTL_DEFAULT;
	if (spec->ttl < PORTAL_TTL_MIN || spec->ttl > PORTAL_TTL_MAX)
		return "ttl must be an integer from 10 to 300.";
	spec->may |= PORTAL_READ;
	return NULL;
}

enum err portal_secret_make(struct portal_secret *ret)
{
	uint8_t bytes[32];
	enum err err = crypto_random(bytes, sizeof bytes);
	if (err != ERR_OK)
		return err;
	base64url_encode(ret->text, bytes, sizeof bytes);
	crypto_wipe(bytes, sizeof bytes);
	return sha256(ret->text, sizeof ret->text, ret->hash);
}

enum err portal_secret_hash(struct str text, uint8_t ret[SHA256_LEN])
{
	if (text.n != PORTAL_SECRET_LEN || !str_is_word(text, "-_"))
		return ERR_MALFORMED;
	return sha256(text.p, text.n, ret);
}

/* ---- parameters ---- */

static void put_rights(struct pg_params *p, unsigned may)
{
	struct str words[PORTAL_RIGHTS];
	pg_put_array(p, PG_TEXT, words, portal_right_words(may, words));
}

static void put_hash(struct pg_params *p, const uint8_t *hash)
{
	pg_put_bytea(p, hash == NULL ? STR_NONE : str_from(hash, SHA256_LEN));
}

void portal_put_link(struct pg_params *p, const struct bearer *maker, const struct origin *origin, struct str org,
		     const struct uuid *link_id, const uint8_t code_hash[SHA256_LEN], const struct portal_link_spec *spec, bool clients)
{
	bearer_put(p, maker);
	origin_put(p, origin);
	admin_put_org(p, org);
	pg_put_uuid(p, link_id);
	put_hash(p, code_hash);
	pg_put_text(p, spec->actor);
	put_rights(p, spec->may);
	pg_put_text(p, spec->return_url);
	pg_put_int4(p, spec->ttl);
	pg_put_bool(p, clients);
	bearer_put_proof(p, maker);
}

void portal_put_open(struct pg_params *p, const struct origin *origin, const uint8_t code_hash[SHA256_LEN], const struct uuid *session_id,
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

void portal_put_end(struct pg_params *p, const struct origin *origin, struct str org, const struct uuid *session_id,
		    const uint8_t *token_hash)
{
	origin_put(p, origin);
	admin_put_org(p, org);
	pg_put_uuid(p, session_id);
	put_hash(p, token_hash);
}

/* ---- rows ---- */

static unsigned take_rights(const PGresult *r, int row, struct arena *a)
{
	struct str words = pg_text_array_joined(r, row, 6, a);
	unsigned may = 0;
	while (words.n > 0)
		may |= portal_right_of(str_split(&words, ' '));
	return may;
}

static struct portal_session take_session(const PGresult *r, int row, struct arena *a)
{
	return (struct portal_session){
		.session_id = pg_uuid(r, row, 1),
		.organization_id = pg_uuid(r, row, 2),
		.slug = arena_copy(a, pg_str(r, row, 3)),
		.name = arena_copy(a, pg_str(r, row, 4)),
		.actor = arena_copy(a, pg_str(r, row, 5)),
		.may = take_rights(r, row, a),
		.return_url = arena_copy(a, pg_str(r, row, 7)),
		.made_at = pg_time_us(r, row, 8),
		.last_used_at = pg_time_us(r, row, 9),
		.idle_expires_at = pg_time_us(r, row, 10),
		.expires_at = pg_time_us(r, row, 11),
	};
}

enum err portal_take_sessions(const PGresult *r, struct arena *a, const struct portal_session **ret, size_t *ret_n)
{
	int n = PQntuples(r);
	enum err err = n == 0 ? ERR_INTERNAL : outcome_err(pg_str(r, 0, 0));
	if (err != ERR_OK)
		return err;
	if (pg_is_null(r, 0, 1))
		n = 0;
	struct portal_session *sessions = arena_alloc(a, ((size_t)n + 1) * sizeof *sessions);
	for (int i = 0; i < n && sessions != NULL; i++)
		sessions[i] = take_session(r, i, a);
	if (arena_overflowed(a))
		return ERR_NO_MEMORY;
	*ret = sessions;
	*ret_n = (size_t)n;
	return ERR_OK;
}
