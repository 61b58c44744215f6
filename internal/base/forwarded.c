#include "base/forwarded.h"

static bool is_trusted(const struct proxies *proxies, const struct ip *peer)
{
	if (peer->n == 0)
		return proxies->local;
	for (unsigned i = 0; i < proxies->n; i++)
		if (cidr_holds(&proxies->networks[i], peer))
			return true;
	return false;
}

struct remote remote_of(const struct proxies *proxies, const struct ip *ip)
{
	struct remote r = {.ip = *ip, .is_proxy = is_trusted(proxies, ip)};
	if (ip_text(ip, r.text).p == NULL)
		r.text[0] = '\0';
	return r;
}

struct str remote_text(const struct remote *remote)
{
	return remote->text[0] == '\0' ? STR_NONE : str_of(remote->text);
}

void forwarded_begin(struct forwarded *f, const struct proxies *proxies, const struct remote *remote)
{
	bool by_field = proxies->form == FORWARDED_X_FORWARDED_FOR || proxies->form == FORWARDED_RFC7239;
	f->proxies = remote->is_proxy && by_field ? proxies : NULL;
	f->remote = remote;
	forwarded_forget(f);
}

void forwarded_forget(struct forwarded *f)
{
	f->address = f->remote->ip;
	f->told = false;
	f->certificate = STR_NONE;
	f->certificates = 0;
	f->chains = 0;
}

bool forwarded_by_field(const struct forwarded *f)
{
	return f->proxies != NULL;
}

struct str forwarded_text(const struct forwarded *f, char out[IP_TEXT_MAX])
{
	return f->told ? ip_text(&f->address, out) : remote_text(f->remote);
}

/* ---- one element's address ---- */

/* A port, or an obfuscated one (RFC 7239 section 6.3). */
static bool is_port(struct str text)
{
	int64_t port = 0;
	if (text.n > 1 && text.p[0] == '_')
		return str_is_word(str_from(text.p + 1, text.n - 1), "._-");
	return str_to_i64(text, 0, UINT16_MAX, &port) == ERR_OK;
}

/* 192.0.2.7, 192.0.2.7:4711, 2001:db8::7, [2001:db8::7], [2001:db8::7]:4711; IPv6 perhaps with a
 * zone. */
static struct ip address_of(struct str text)
{
	struct ip ip = {.n = 0};
	struct str host = text;
	struct str port = STR_NONE;
	if (text.n > 0 && text.p[0] == '[') {
		struct str inside = str_from(text.p + 1, text.n - 1);
		host = str_split(&inside, ']');
		if (inside.p == NULL || (inside.n > 0 && inside.p[0] != ':') || memchr(host.p, ':', host.n) == NULL)
			return ip;
		if (inside.n > 0)
			port = str_from(inside.p + 1, inside.n - 1);
	} else if (text.n > 0 && memchr(text.p, ':', text.n) == memrchr(text.p, ':', text.n)) {
		port = text;
		host = str_split(&port, ':');
	}
	bool read = (port.p == NULL || is_port(port)) && ip_parse(host, &ip);
	(void)read; /* if not, it isn't known */
	return ip;
}

/* The next element to the right. `text` absent: it names nobody. */
static void take(struct forwarded *f, struct str text)
{
	struct ip ip = address_of(text);
	/* nginx writes this for a client on a unix socket */
	bool is_proxy = ip.n > 0 ? is_trusted(f->proxies, &ip) : f->proxies->local && str_eq(text, STR("unix:"));
	if (!is_proxy || !f->told)
		f->address = ip;
	f->told = true;
}

/* ---- X-Forwarded-For ---- */

static struct str unquoted(struct str text)
{
	bool quoted = text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"';
	return quoted ? str_from(text.p + 1, text.n - 2) : text;
}

/* Empty elements don't count (RFC 9110 section 5.6.1.2). */
static void note_list(struct forwarded *f, struct str value)
{
	for (struct str element; (element = str_split(&value, ',')).p != NULL;) {
		element = str_trim(element);
		if (element.n > 0)
			take(f, unquoted(element));
	}
}

/* ---- Forwarded, RFC 7239 section 4: elements by commas, of pairs by semicolons, whose values
 * may be quoted ---- */

/* What stands before the next `a` or `b` that isn't within a quoted string; *rest begins with
 * it. False: a quoted string doesn't end. */
static bool cut(struct str *rest, char a, char b, struct str *ret)
{
	bool quoted = false;
	size_t i = 0;
	for (; i < rest->n && (quoted || (rest->p[i] != a && rest->p[i] != b)); i++) {
		if (rest->p[i] == '"')
			quoted = !quoted;
		else if (quoted && rest->p[i] == '\\')
			i++;
	}
	if (quoted || i > rest->n)
		return false;
	*ret = str_from(rest->p, i);
	*rest = str_from(rest->p + i, rest->n - i);
	return true;
}

static bool is_token(struct str text)
{
	return text.n > 0 && str_is_word(text, "!#$%&'*+-.^_`|~");
}

/* An IPv6 address has to be quoted (section 4), since a colon is in no token; many write it
 * bare. */
static bool is_value(struct str text)
{
	if (text.n >= 2 && text.p[0] == '"')
		return text.p[text.n - 1] == '"' && memchr(text.p, '\\', text.n) == NULL;
	return text.n > 0 && str_is_word(text, "!#$%&'*+-.^_`|~:[]");
}

/* One pair of an element; *node is what its `for` says. False: malformed, or a second `for`. */
static bool read_pair(struct str pair, struct str *node)
{
	struct str value = str_trim(pair);
	if (value.n == 0)
		return true;
	struct str name = str_split(&value, '=');
	if (!is_token(name))
		return false;
	if (!str_eq_nocase(name, STR("for")))
		return value.p != NULL;
	if (value.p == NULL || node->p != NULL || !is_value(value))
		return false;
	*node = unquoted(value);
	return true;
}

static struct str step_over(struct str rest)
{
	return str_from(rest.p + 1, rest.n - 1);
}

static void note_forwarded(struct forwarded *f, struct str value)
{
	while (value.n > 0) {
		struct str pair, node = STR_NONE;
		bool good = true, empty = true;
		for (;;) {
			/* where the next element begins isn't known either */
			if (!cut(&value, ';', ',', &pair)) {
				take(f, STR_NONE);
				return;
			}
			empty = empty && str_trim(pair).n == 0;
			good = read_pair(pair, &node) && good;
			if (value.n == 0 || value.p[0] == ',')
				break;
			empty = false;
			value = step_over(value);
		}
		if (!empty)
			take(f, good ? node : STR_NONE);
		if (value.n > 0)
			value = step_over(value);
	}
}

static void note_certificate(struct forwarded *f, struct str value)
{
	if (f->certificates++ == 0)
		f->certificate = str_trim(value);
}

static void note_chain(struct forwarded *f, struct str value)
{
	if (f->chains < FORWARDED_CHAIN_MAX)
		f->chain[f->chains] = str_trim(value);
	f->chains++;
}

static bool is_chain_of(struct str name, struct str field)
{
	struct str suffix = STR("-chain");
	return name.n == field.n + suffix.n && str_eq_nocase(str_from(name.p, field.n), field) &&
	       str_eq_nocase(str_from(name.p + field.n, suffix.n), suffix);
}

/* RFC 9440 section 2 */
static void note_certificates(struct forwarded *f, struct str name, struct str value)
{
	struct str field = f->proxies->certificate_field;
	if (field.p == NULL)
		return;
	if (str_eq_nocase(name, field))
		note_certificate(f, value);
	else if (is_chain_of(name, field))
		note_chain(f, value);
}

void forwarded_note(struct forwarded *f, struct str name, struct str value)
{
	if (f->proxies == NULL)
		return;
	if (f->proxies->form == FORWARDED_X_FORWARDED_FOR && str_eq_nocase(name, STR("x-forwarded-for")))
		note_list(f, value);
	else if (f->proxies->form == FORWARDED_RFC7239 && str_eq_nocase(name, STR("forwarded")))
		note_forwarded(f, value);
	else
		note_certificates(f, name, value);
}
