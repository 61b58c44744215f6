/* scheme -> authority -> path, each checked and written in its one spelling. */
#include "base/uri.h"

struct parts {
	bool https;
	struct str host; /* with its brackets, if any */
	struct str port; /* absent or empty: the default */
	struct str path; /* empty, or begins with "/" */
};

static bool is_unreserved(char c)
{
	return str_is_word(str_from(&c, 1), "-._~");
}

static bool is_sub_delim(char c)
{
	return c != '\0' && strchr("!$&'()*+,;=", c) != NULL;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* ---- taking apart ---- */

/* What stands before the first of `ends`. */
static struct str before(struct str s, const char *ends)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '\0' && strchr(ends, s.p[i]) != NULL)
			return str_from(s.p, i);
	return s;
}

static struct str behind(struct str s, size_t n)
{
	return str_from(s.p + n, s.n - n);
}

static bool take_scheme(struct str *rest, struct parts *p)
{
	size_t n = before(*rest, ":").n;
	struct str scheme = str_from(rest->p, n);

	p->https = str_eq_nocase(scheme, STR("https"));
	if ((!p->https && !str_eq_nocase(scheme, STR("http"))) || !str_starts(behind(*rest, n), STR("://")))
		return false;
	*rest = behind(*rest, n + 3);
	return true;
}

/* A name with an escape is none that DNS knows. */
static bool is_reg_name(struct str host)
{
	for (size_t i = 0; i < host.n; i++)
		if (!is_unreserved(host.p[i]) && !is_sub_delim(host.p[i]))
			return false;
	return host.n > 0;
}

static bool is_ip_literal(struct str host)
{
	if (host.n < 4 || host.p[0] != '[' || host.p[host.n - 1] != ']')
		return false;
	for (size_t i = 1; i + 1 < host.n; i++)
		if (hex_digit(host.p[i]) < 0 && host.p[i] != ':' && host.p[i] != '.')
			return false;
	return true;
}

static bool take_authority(struct str *rest, struct parts *p)
{
	struct str authority = before(*rest, "/?#");
	struct str host = str_starts(authority, STR("[")) ? before(authority, "]") : before(authority, ":");

	if (host.n < authority.n && authority.p[host.n] == ']')
		host.n++;
	struct str port = behind(authority, host.n);
	if (port.n > 0 && port.p[0] != ':')
		return false;
	p->host = host;
	p->port = port.n > 0 ? behind(port, 1) : STR_NONE;
	*rest = behind(*rest, authority.n);
	return is_ip_literal(host) || is_reg_name(host);
}

/* ---- writing ---- */

static bool put_port(const struct parts *p, struct sbuf *out)
{
	int64_t port;

	if (p->port.n == 0)
		return true;
	if (str_to_i64(p->port, 0, 65535, &port) != ERR_OK || p->port.p[0] == '-')
		return false;
	if (port != (p->https ? 443 : 80))
		sbuf_printf(out, ":%d", (int)port);
	return true;
}

/* The path's bytes with each escape in its one spelling: decoded where that means the same. */
static bool put_unescaped(struct str path, struct sbuf *out)
{
	for (size_t i = 0; i < path.n; i++) {
		char c = path.p[i];
		if (c == '%') {
			int high = i + 2 < path.n ? hex_digit(path.p[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(path.p[i + 2]) : -1;
			if (low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
			if (!is_unreserved(c)) {
				sbuf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
				continue;
			}
		} else if (!is_unreserved(c) && !is_sub_delim(c) && c != ':' && c != '@' && c != '/') {
			return false;
		}
		sbuf_putc(out, c);
	}
	return true;
}

/* RFC 3986 section 5.2.4, segment by segment. */
static void put_without_dots(struct str path, struct sbuf *out)
{
	size_t start = out->n;
	struct str rest = behind(path, 1);

	while (rest.p != NULL) {
		struct str segment = str_split(&rest, '/');
		bool up = str_eq(segment, STR("..")), stay = str_eq(segment, STR("."));
		while (up && out->n > start && out->p[--out->n] != '/')
			continue;
		if ((up || stay) && rest.p != NULL)
			continue;
		sbuf_putc(out, '/');
		if (!up && !stay)
			sbuf_put(out, segment);
	}
}

static bool put_path(struct str path, struct sbuf *out)
{
	char text[URI_MAX + 1];
	struct sbuf plain = sbuf_fixed(text, sizeof text);

	if (path.n == 0)
		path = STR("/");
	if (!put_unescaped(path, &plain))
		return false;
	put_without_dots(sbuf_str(&plain), out);
	return true;
}

static bool is_printable(struct str uri)
{
	for (size_t i = 0; i < uri.n; i++)
		if (uri.p[i] <= ' ' || uri.p[i] > '~')
			return false;
	return true;
}

enum err uri_put_normalized(struct str uri, struct sbuf *out)
{
	struct str rest = uri;
	struct parts p;

	if (uri.n > URI_MAX || !is_printable(uri) || !take_scheme(&rest, &p) || !take_authority(&rest, &p))
		return ERR_MALFORMED;
	p.path = before(rest, "?#");
	sbuf_putz(out, p.https ? "https://" : "http://");
	for (size_t i = 0; i < p.host.n; i++)
		sbuf_putc(out, lower(p.host.p[i]));
	if (!put_port(&p, out) || !put_path(p.path, out))
		return ERR_MALFORMED;
	return out->overflow ? ERR_TOO_LARGE : ERR_OK;
}
