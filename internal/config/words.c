#include "config/words.h"

#include "base/str.h"
#include "base/visible.h"

#define NAME_MAX_CHARACTERS 200

static bool is_token(struct str s, size_t max)
{
	if (s.n == 0 || s.n > max)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f || s.p[i] == '"' || s.p[i] == '\\')
			return false;
	return true;
}

bool word_is_scope(struct str s)
{
	return is_token(s, SCOPE_MAX);
}
bool word_is_audience(struct str s)
{
	return is_token(s, AUDIENCE_MAX);
}

/* host or [v6], with an optional port from 0: a service that listens on any free port names
 * itself so until it is told better. */
static bool is_authority(struct str s)
{
	struct str host = s;
	struct str port = STR_NONE;
	const char *bracket = s.n > 0 && s.p[0] == '[' ? memchr(s.p, ']', s.n) : NULL;
	const char *colon = bracket != NULL ? bracket + 1 : memchr(s.p, ':', s.n);

	if (colon != NULL) {
		host.n = (size_t)(colon - s.p);
		if (host.n < s.n && *colon != ':')
			return false;
		if (host.n < s.n)
			port = str_from(colon + 1, s.n - host.n - 1);
	}
	int64_t number;
	if (port.p != NULL && str_to_i64(port, 0, 65535, &number) != ERR_OK)
		return false;
	if (bracket != NULL)
		return host.n > 2 && str_is_word(str_from(host.p + 1, host.n - 2), ":.");
	return host.n > 0 && str_is_word(host, "-.");
}

bool word_is_issuer(struct str s)
{
	const struct str schemes[] = {STR("https://"), STR("http://")};

	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
		if (!str_starts(s, schemes[i]))
			continue;
		struct str path = str_from(s.p + schemes[i].n, s.n - schemes[i].n);
		struct str authority = str_split(&path, '/');
		if (s.n > 512 || !is_authority(authority))
			return false;
		bool ends_twice = str_eq(path, STR("/")) || (path.n > 1 && memcmp(path.p + path.n - 2, "//", 2) == 0);
		return path.p == NULL || (!ends_twice && str_is_word(path, "-._~/%!$&'()*+,;=:@"));
	}
	return false;
}

bool word_is_slug(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !(c == '-' && i > 0))
			return false;
	}
	return s.n >= 1 && s.n <= 63;
}

bool word_is_name(struct str s)
{
	size_t characters = 0;
	for (size_t i = 0; i < s.n; i++)
		characters += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return characters <= NAME_MAX_CHARACTERS && text_is_visible(s, "");
}
