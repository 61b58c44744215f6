/* Text to value, one function per kind of setting. */
#include <arpa/inet.h>
#include <sys/un.h>

#include "base/visible.h"
#include "config/setting.h"
#include "config/words.h"

static void *target(const struct setting *s, struct config *c)
{
	return (char *)c + s->offset;
}

static bool keep(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	struct str copy = arena_copy(a, text);
	if (copy.p == NULL) {
		sbuf_putz(why, "there is no memory left for it");
		return false;
	}
	*(struct str *)target(s, c) = copy;
	return true;
}

bool parse_number(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	(void)a;
	int64_t v;
	if (str_to_i64(text, s->min, s->max, &v) != ERR_OK) {
		sbuf_printf(why, "expected a whole number from %u to %u", s->min, s->max);
		return false;
	}
	*(unsigned *)target(s, c) = (unsigned)v;
	return true;
}

/* unix:/run/m2m/http.sock */
static bool read_path(struct str path, struct config_listen *ret)
{
	if (path.n < 2 || path.p[0] != '/' || path.p[path.n - 1] == '/' || path.n >= sizeof((struct sockaddr_un *)0)->sun_path)
		return false;
	for (size_t i = 0; i < path.n; i++)
		if (path.p[i] <= ' ' || path.p[i] == 0x7f)
			return false;
	ret->local = true;
	memcpy(ret->host, path.p, path.n);
	return true;
}

/* 127.0.0.1:8080 or [::1]:8080, as RFC 3986 section 3.2.2 writes a host. Kept in the canonical
 * form. */
static bool read_address(struct str text, struct config_listen *ret)
{
	struct str host = text;
	int64_t port = 0;
	const char *colon = text.n == 0 ? NULL : memrchr(text.p, ':', text.n);
	unsigned char address[sizeof(struct in6_addr)];
	int family = AF_INET;
	if (colon == NULL)
		return false;
	host.n = (size_t)(colon - text.p);
	if (str_to_i64(str_from(colon + 1, text.n - host.n - 1), 0, UINT16_MAX, &port) != ERR_OK)
		return false;
	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']') {
		family = AF_INET6;
		host = str_from(host.p + 1, host.n - 2);
	}
	if (host.n >= sizeof ret->host)
		return false;
	memcpy(ret->host, host.p, host.n);
	ret->port = (uint16_t)port;
	return inet_pton(family, ret->host, address) == 1 && inet_ntop(family, address, ret->host, sizeof ret->host) != NULL;
}

static bool is_same(const struct config_listen *a, const struct config_listen *b)
{
	return strcmp(a->host, b->host) == 0 && a->port == b->port && (a->port != 0 || a->local);
}

/* A [::] takes IPv4 clients too, unless an IPv4 address of the same port is there for them. */
static void note_dual_stack(struct config_listener *l)
{
	for (unsigned six = 0; six < l->n; six++)
		for (unsigned four = 0; four < l->n; four++)
			if (l->at[six].port != 0 && strcmp(l->at[six].host, "::") == 0 && strchr(l->at[four].host, '.') != NULL &&
			    !l->at[four].local && l->at[six].port == l->at[four].port)
				l->at[six].only_ipv6 = true;
}

bool parse_listen(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	(void)a;
	const struct str local = STR("unix:");
	struct config_listener out = {.n = 0};

	for (struct str word; (word = str_split(&text, ',')).p != NULL;) {
		if (out.n == CONFIG_LISTEN_MAX) {
			sbuf_printf(why, "expected at most %d addresses", CONFIG_LISTEN_MAX);
			return false;
		}
		struct config_listen *at = &out.at[out.n++];
		word = str_trim(word);
		if (str_starts(word, local) ? !read_path(str_from(word.p + local.n, word.n - local.n), at) : !read_address(word, at)) {
			sbuf_putz(why, "expected a numeric address and a port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080,"
				       " or unix: and a path of at most 107 bytes, such as unix:/run/m2m/http.sock; or several, by commas");
			return false;
		}
		for (unsigned i = 0; i + 1 < out.n; i++)
			if (is_same(&out.at[i], at)) {
				sbuf_printf(why, "%s is there twice", at->host);
				return false;
			}
	}
	note_dual_stack(&out);
	*(struct config_listener *)target(s, c) = out;
	return true;
}

bool parse_proxies(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	(void)a;
	struct proxies *p = target(s, c);
	p->n = 0;
	p->local = false;
	for (struct str word; (word = str_split(&text, ',')).p != NULL;) {
		word = str_trim(word);
		if (str_eq(word, STR("unix"))) {
			p->local = true;
		} else if (p->n == PROXIES_MAX) {
			sbuf_printf(why, "expected at most %d networks", PROXIES_MAX);
			return false;
		} else if (cidr_parse(word, &p->networks[p->n++]) != ERR_OK) {
			sbuf_putz(why, "expected addresses and networks in CIDR form without bits behind the prefix, such as 10.0.0.0/8 or "
				       "2001:db8::/32, or unix, by commas");
			return false;
		}
	}
	return true;
}

bool parse_forwarded(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	(void)a;
	static const char *const names[] = {[FORWARDED_NONE] = "none",
					    [FORWARDED_X_FORWARDED_FOR] = "x-forwarded-for",
					    [FORWARDED_RFC7239] = "forwarded",
					    [FORWARDED_PROXY_V2] = "proxy-v2"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (str_eq(text, str_of(names[i]))) {
			((struct proxies *)target(s, c))->form = (enum forwarded_form)i;
			return true;
		}
	}
	sbuf_putz(why, "expected none, x-forwarded-for, forwarded or proxy-v2");
	return false;
}

bool parse_client_certs(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	(void)a;
	static const char *const names[] = {
		[CONFIG_CERTS_OFF] = "off", [CONFIG_CERTS_REQUEST] = "request", [CONFIG_CERTS_REQUIRE] = "require"};
	for (size_t i = CONFIG_CERTS_OFF; i < sizeof names / sizeof *names; i++) {
		if (str_eq(text, str_of(names[i]))) {
			*(enum config_client_certs *)target(s, c) = (enum config_client_certs)i;
			return true;
		}
	}
	sbuf_putz(why, "expected off, request or require");
	return false;
}

/* A field's name is a token (RFC 9110 section 5.1). */
bool parse_certificate_field(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	if (str_eq(text, STR("off"))) {
		*(struct str *)target(s, c) = STR_NONE;
		return true;
	}
	if (str_eq(text, STR("on")))
		text = STR("Client-Cert");
	if (!str_is_word(text, "-_")) {
		sbuf_putz(why, "expected off, on, or a header field's name such as Client-Cert");
		return false;
	}
	return keep(s, a, text, c, why);
}

bool parse_plaintext(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	(void)a;
	static const struct {
		const char *name;
		unsigned bits;
	} words[] = {{"all", CONFIG_HTTP | CONFIG_GRPC | CONFIG_OPS}, {"http", CONFIG_HTTP}, {"grpc", CONFIG_GRPC}, {"ops", CONFIG_OPS}};
	unsigned bits = 0;
	bool good = true;

	for (struct str word; good && (word = str_split(&text, ',')).p != NULL;) {
		unsigned found = 0;
		for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
			if (str_eq(str_trim(word), str_of(words[i].name)))
				found = words[i].bits;
		good = found != 0;
		bits |= found;
	}
	if (!good) {
		sbuf_putz(why, "expected all, or some of http,grpc,ops");
		return false;
	}
	*(unsigned *)target(s, c) = bits;
	return true;
}

bool parse_issuer(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	if (!word_is_issuer(text)) {
		sbuf_putz(why, "expected an http or https URL without user, query and fragment");
		return false;
	}
	return keep(s, a, text, c, why);
}

bool parse_endpoint(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	if (text.n > 400 || !word_is_issuer(text) || text.p[text.n - 1] == '/') {
		sbuf_putz(why,
			  "expected an http or https URL without user, query, fragment and trailing slash, such as http://localhost:4318");
		return false;
	}
	return keep(s, a, text, c, why);
}

/* libpq takes more forms than this; a URL is the one that a person can see to be whole. */
bool config_is_database_url(struct str text)
{
	bool good = str_starts(text, STR("postgresql://")) || str_starts(text, STR("postgres://"));
	for (size_t i = 0; i < text.n; i++)
		good = good && text.p[i] > ' ' && text.p[i] < 0x7f;
	return good && text.n <= 2048;
}

bool parse_database_url(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	if (!config_is_database_url(text)) {
		sbuf_putz(why, CONFIG_DATABASE_URL_EXPECTED);
		return false;
	}
	return keep(s, a, text, c, why);
}

bool parse_audience(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	if (!word_is_audience(text)) {
		sbuf_putz(why, "expected 1 to 256 visible ASCII characters without spaces, quotes and backslashes");
		return false;
	}
	return keep(s, a, text, c, why);
}

bool parse_scope(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	if (!word_is_scope(text)) {
		sbuf_putz(why, "expected one scope of 1 to 256 visible ASCII characters without spaces, quotes and backslashes");
		return false;
	}
	return keep(s, a, text, c, why);
}

bool parse_alg(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	(void)a;
	if (jwt_alg_of(text, target(s, c)) == ERR_OK)
		return true;
	sbuf_putz(why, "expected one of");
	for (int alg = 0; alg < JWT_ALG_COUNT; alg++)
		sbuf_printf(why, " %s", jwt_alg_name((enum jwt_alg)alg));
	return false;
}

bool parse_log_level(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	(void)a;
	const struct {
		struct str name;
		enum log_level level;
	} levels[] = {{STR("debug"), LOG_DEBUG}, {STR("info"), LOG_INFO}, {STR("warn"), LOG_WARN}, {STR("error"), LOG_ERROR}};

	for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
		if (str_eq(text, levels[i].name)) {
			*(enum log_level *)target(s, c) = levels[i].level;
			return true;
		}
	}
	sbuf_putz(why, "expected one of debug info warn error");
	return false;
}

bool parse_token_type(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	(void)a;
	bool at_jwt = str_eq(text, STR("at+jwt"));
	if (!at_jwt && !str_eq(text, STR("JWT"))) {
		sbuf_putz(why, "expected JWT or at+jwt");
		return false;
	}
	*(bool *)target(s, c) = at_jwt;
	return true;
}

bool parse_dpop_nonce(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	(void)a;
	bool required = str_eq(text, STR("required"));
	if (!required && !str_eq(text, STR("off"))) {
		sbuf_putz(why, "expected off or required");
		return false;
	}
	*(bool *)target(s, c) = required;
	return true;
}

bool parse_signatures(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	(void)a;
	if (signing_way_named(text, target(s, c)) == ERR_OK)
		return true;
	sbuf_putz(why, "expected one of");
	for (int way = 0; way < SIGNING_WAY_COUNT; way++)
		sbuf_printf(why, " %s", signing_way_name((enum signing_way)way));
	return false;
}

bool parse_profile(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	(void)a;
	bool fapi2 = str_eq(text, STR("fapi2"));
	if (!fapi2 && !str_eq(text, STR("none"))) {
		sbuf_putz(why, "expected none or fapi2");
		return false;
	}
	*(bool *)target(s, c) = fapi2;
	return true;
}

bool parse_pages(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	(void)a;
	bool on = str_eq(text, STR("on"));
	if (!on && !str_eq(text, STR("off"))) {
		sbuf_putz(why, "expected on or off");
		return false;
	}
	*(bool *)target(s, c) = on;
	return true;
}

bool parse_pages_title(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	if (text.n == 0 || text.n > 60 || !text_is_visible(text, "")) {
		sbuf_putz(why, "expected 1 to 60 bytes of UTF-8 text without control characters");
		return false;
	}
	return keep(s, a, text, c, why);
}

bool parse_pages_color(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	bool good = text.n == 7 && text.p[0] == '#';
	for (size_t i = 1; good && i < text.n; i++)
		good = hex_digit(text.p[i]) >= 0;
	if (!good) {
		sbuf_putz(why, "expected a colour such as #3b5bdb");
		return false;
	}
	return keep(s, a, text, c, why);
}

/* An origin, which a Content-Security-Policy takes as it stands: nothing in it ends a directive. */
static bool is_ancestor(struct str word)
{
	bool secure = str_starts(word, STR("https://"));
	size_t scheme = secure ? 8 : 7;
	if (str_eq(word, STR("'self'")))
		return true;
	if ((!secure && !str_starts(word, STR("http://"))) || word.n == scheme)
		return false;
	return str_is_word(str_from(word.p + scheme, word.n - scheme), ".-:*[]");
}

bool parse_pages_ancestors(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	struct str rest = text;
	bool good = text.n > 0 && text.n <= 2048;
	for (struct str word; good && !str_eq(text, STR("'none'")) && (word = str_split(&rest, ' ')).p != NULL;)
		good = is_ancestor(word);
	if (!good) {
		sbuf_putz(why, "expected origins such as https://app.example.com with one space between them, or 'self'");
		return false;
	}
	return keep(s, a, text, c, why);
}

bool parse_text(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	return keep(s, a, text, c, why);
}

bool parse_master_keys(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why)
{
	(void)a;
	c->has_master_keys = master_ring_parse(text, target(s, c), why) == ERR_OK;
	return c->has_master_keys;
}
