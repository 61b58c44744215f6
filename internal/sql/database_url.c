#include "sql/database_url.h"

#include <libpq-fe.h>
#include <stdlib.h>

#include "base/file.h"
#include "crypto/digest.h"

#define ENCODE "write each @ / ? # % of a user or a password as %40 %2F %3F %23 %25"

/* libpq quotes the text that it stumbled over, so its sentences are replaced by ours. */
static const char *own_words(const char *libpq)
{
	static const struct {
		const char *theirs, *ours;
	} sentences[] = {
		{"invalid percent-encoded token", "a % in it has no two hexadecimal digits behind it; " ENCODE},
		{"forbidden value %00", "it holds %00, a NUL byte"},
		{"end of string reached", "the ] that ends an IPv6 address is missing"},
		{"IPv6 host address may not be empty", "the IPv6 address between [ and ] is missing"},
		{"missing key/value separator", "a parameter behind the ? has no =; " ENCODE " and & as %26"},
		{"extra key/value separator", "a parameter behind the ? has a second =; write it as %3D"},
		{"invalid URI query parameter", "libpq knows no such parameter as one behind the ?; " ENCODE " and & as %26"},
	};
	for (size_t i = 0; libpq != NULL && i < sizeof sentences / sizeof *sentences; i++)
		if (str_starts(str_of(libpq), str_of(sentences[i].theirs)))
			return sentences[i].ours;
	return "libpq can't read it; " ENCODE;
}

/* RFC 3986 section 3.2.1: the user's part ends at the first @, if that stands before the first
 * /. Another @ before the query was part of a password, whose rest would be taken for a host or
 * a database, and be told to everybody. */
static bool has_stray_at(struct str url)
{
	const char *rest = strstr(url.p, "://") + 3;
	rest += strcspn(rest, "@/");
	if (*rest == '@')
		rest++;
	return memchr(rest, '@', strcspn(rest, "?")) != NULL;
}

static bool ports_hold(const char *ports)
{
	struct str rest = str_of(ports);
	int64_t port = 0;
	for (struct str one; (one = str_split(&rest, ',')).p != NULL;)
		if (one.n > 0 && str_to_i64(one, 1, UINT16_MAX, &port) != ERR_OK)
			return false;
	return true;
}

static const char *options_fault(const PQconninfoOption *options)
{
	for (const PQconninfoOption *o = options; o->keyword != NULL; o++)
		if (strcmp(o->keyword, "port") == 0 && !ports_hold(o->val))
			return "a port isn't a number from 1 to 65535; " ENCODE;
	return NULL;
}

static const char *url_fault(struct str url, const PQconninfoOption *options, const char *message)
{
	if (has_stray_at(url))
		return "it has an @ too many; " ENCODE;
	return options == NULL ? own_words(message) : options_fault(options);
}

static void check(struct str url, const char *setting, struct sbuf *faults)
{
	char *message = NULL;
	if (url.p == NULL)
		return;
	PQconninfoOption *options = PQconninfoParse(url.p, &message);
	const char *fault = url_fault(url, options, message);
	if (fault != NULL)
		sbuf_printf(faults, "%s: %s (its value is not shown, it may hold a password)\n", setting, fault);
	PQconninfoFree(options);
	PQfreemem(message);
}

enum err database_urls_check(const struct config *config, struct sbuf *faults)
{
	size_t before = faults->n;
	check(config->database_url, "M2M_DATABASE_URL", faults);
	check(config->admin_database_url, "M2M_ADMIN_DATABASE_URL", faults);
	return faults->n == before ? ERR_OK : ERR_MALFORMED;
}

enum err database_url_check(struct str url, const char *what, struct sbuf *faults)
{
	size_t before = faults->n;
	if (!config_is_database_url(url))
		sbuf_printf(faults, "%s: " CONFIG_DATABASE_URL_EXPECTED "\n", what);
	else
		check(url, what, faults);
	return faults->n == before ? ERR_OK : ERR_MALFORMED;
}

/* ---- a file that changes ---- */

static bool may_change(const char *keyword)
{
	return strcmp(keyword, "user") == 0 || strcmp(keyword, "password") == 0 || strcmp(keyword, "sslpassword") == 0;
}

/* libpq lists its options always in the same order. */
static bool same_place(const PQconninfoOption *a, const PQconninfoOption *b)
{
	for (; a->keyword != NULL && b->keyword != NULL; a++, b++)
		if (!may_change(a->keyword) && !str_eq(str_of(a->val), str_of(b->val)))
			return false;
	return a->keyword == NULL && b->keyword == NULL;
}

/* Takes the file's text, but for a newline at its end. */
static bool read_url(const char *path, char fresh[DATABASE_URL_MAX + 1])
{
	struct str text = file_read(str_of(path), DATABASE_URL_MAX + 1);
	size_t n = text.n > 0 && text.p[text.n - 1] == '\n' ? text.n - 1 : text.n;
	bool good = text.p != NULL && n > 0 && n <= DATABASE_URL_MAX && memchr(text.p, '\0', n) == NULL;
	if (good) {
		memcpy(fresh, text.p, n);
		fresh[n] = '\0';
		good = strstr(fresh, "://") != NULL;
	}
	if (text.p != NULL)
		crypto_wipe((char *)(uintptr_t)text.p, text.n);
	free((char *)(uintptr_t)text.p);
	return good;
}

const char *database_url_now(const char *url, const char *path, char fresh[DATABASE_URL_MAX + 1], bool *ret_moved)
{
	if (path == NULL || !read_url(path, fresh))
		return url;
	PQconninfoOption *before = PQconninfoParse(url, NULL);
	PQconninfoOption *now = PQconninfoParse(fresh, NULL);
	bool good = before != NULL && now != NULL && url_fault(str_of(fresh), now, NULL) == NULL;
	*ret_moved = good && !same_place(before, now);
	good = good && !*ret_moved;
	PQconninfoFree(before);
	PQconninfoFree(now);
	return good ? fresh : url;
}
