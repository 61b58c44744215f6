/* message -> one line -> without the connection's passwords. libpq itself says nothing of them;
 * what was written in a wrong place, and what another library says through it, is a matter of
 * luck. */
#include "sql/pg_message.h"

#include "base/str.h"
#include "crypto/digest.h"

#define SECRETS_MAX  8
#define SECRET_LEAST 4 /* bytes */

static bool is_public(const PQconninfoOption *options, const char *value)
{
	static const char *const names[] = {"user", "host", "hostaddr", "dbname", "port"};
	for (const PQconninfoOption *o = options; o->keyword != NULL; o++)
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			if (o->val != NULL && strcmp(o->keyword, names[i]) == 0 && strcmp(o->val, value) == 0)
				return true;
	return false;
}

/* libpq marks what is not to be shown with an asterisk. */
static size_t find_secrets(const PGconn *pg, const PQconninfoOption *options, struct str secrets[SECRETS_MAX])
{
	const char *used = PQpass(pg); /* a password file's is none of the options */
	size_t n = 0;
	if (used != NULL && strlen(used) >= SECRET_LEAST && !is_public(options, used))
		secrets[n++] = str_of(used);
	for (const PQconninfoOption *o = options; o->keyword != NULL && n < SECRETS_MAX; o++)
		if (o->val != NULL && o->dispchar[0] == '*' && strlen(o->val) >= SECRET_LEAST && !is_public(options, o->val))
			secrets[n++] = str_of(o->val);
	return n;
}

static size_t secret_at(struct str text, const struct str *secrets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_starts(text, secrets[i]))
			return secrets[i].n;
	return 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void put_line(struct str text, const struct str *secrets, size_t n, struct sbuf *out)
{
	const size_t begin = out->n;
	bool space = false;
	while (text.n > 0) {
		size_t hidden = secret_at(text, secrets, n);
		size_t taken = hidden > 0 ? hidden : 1;
		if (hidden == 0 && is_space(*text.p)) {
			space = out->n > begin;
		} else {
			sbuf_putz(out, space ? " " : "");
			sbuf_put(out, hidden > 0 ? STR("***") : str_from(text.p, 1));
			space = false;
		}
		text = str_from(text.p + taken, text.n - taken);
	}
}

static void put_without_secrets(const PGconn *pg, struct str text, struct sbuf *out)
{
	struct str secrets[SECRETS_MAX];
	PQconninfoOption *options = pg == NULL ? NULL : PQconninfo((PGconn *)(uintptr_t)pg);
	size_t n = options == NULL ? 0 : find_secrets(pg, options, secrets);
	bool unknown = pg != NULL && options == NULL; /* out of memory */
	put_line(unknown ? STR("there is no memory to tell the secrets in the message") : text, secrets, n, out);
	for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
		if (o->val != NULL && o->dispchar[0] == '*')
			crypto_wipe(o->val, strlen(o->val));
	PQconninfoFree(options);
}

void pg_message(const PGconn *pg, const char *message, struct sbuf *out)
{
	put_without_secrets(pg, str_of(message), out);
}

const char *pg_first_line(const PGconn *pg, const char *message, char out[PG_LINE])
{
	struct str rest = str_of(message);
	struct sbuf line = sbuf_fixed(out, PG_LINE);
	put_without_secrets(pg, str_split(&rest, '\n'), &line);
	return out;
}
