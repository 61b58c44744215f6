/* environment -> text of each setting -> checked value. Every fault is reported, then the whole
 * is given up: nobody has to start the program once per mistake. A file's content stays in one
 * buffer that is wiped, since it may be a key. */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <sched.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/file.h"
#include "base/rate_table.h"
#include "config/setting.h"
#include "crypto/digest.h"

#define FILE_SUFFIX "_FILE"
#define FILE_MAX    (64 * 1024)

/* What quickstart leaves in demo.env and what m2mctl prints with --output env: known, so that
 * either program starts in a shell that has read it, and used by neither. */
static const char *const printed[] = {"M2M_URL",           "M2M_GRPC",          "M2M_OPS",          "M2M_ADMIN_TOKEN",
				      "M2M_CLIENT_ID",     "M2M_CLIENT_SECRET", "M2M_ORGANIZATION", "M2M_ORGANIZATION_ID",
				      "M2M_CREDENTIAL_ID", "M2M_KEY_ID",        "M2M_PORTAL_URL",   "M2M_CONSOLE_URL"};

bool config_is_printed(struct str name)
{
	for (size_t i = 0; i < sizeof printed / sizeof printed[0]; i++)
		if (str_eq(name, str_of(printed[i])))
			return true;
	return false;
}

/* The value of `name` followed by `suffix`; absent when it is not set or empty. */
static struct str lookup(char *const *env, const char *name, const char *suffix)
{
	size_t name_n = strlen(name);
	size_t suffix_n = strlen(suffix);

	for (; *env != NULL; env++) {
		const char *equals = *env + name_n + suffix_n;
		if (strncmp(*env, name, name_n) == 0 && strncmp(*env + name_n, suffix, suffix_n) == 0 && *equals == '=')
			return equals[1] == '\0' ? STR_NONE : str_of(equals + 1);
	}
	return STR_NONE;
}

static bool is_known(struct str name)
{
	const struct str suffix = STR(FILE_SUFFIX);
	struct str base = name;

	if (config_is_printed(name))
		return true;
	if (name.n > suffix.n && memcmp(name.p + name.n - suffix.n, suffix.p, suffix.n) == 0)
		base.n -= suffix.n;
	for (size_t i = 0; i < settings_n; i++)
		if (str_eq(base, str_of(settings[i].name)))
			return true;
	return false;
}

/* Kubernetes tells a pod of every service of its namespace, also of one whose name begins with
 * m2m: where it is, in variables of these shapes. */
static bool is_service_variable(const char *assignment)
{
	static const char shape[] = "^M2M(_[A-Z0-9_]+)?_(SERVICE_HOST=[0-9a-f.:]+|SERVICE_PORT(_[A-Z0-9_]+)?=[0-9]+|"
				    "PORT(_[0-9]+_(TCP|UDP|SCTP))?=(tcp|udp|sctp)://[][0-9a-f.:]+:[0-9]+|"
				    "PORT_[0-9]+_(TCP|UDP|SCTP)_(PROTO=(tcp|udp|sctp)|PORT=[0-9]+|ADDR=[0-9a-f.:]+))$";
	regex_t r;
	if (regcomp(&r, shape, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	bool is = regexec(&r, assignment, 0, NULL, 0) == 0;
	regfree(&r);
	return is;
}

static void check_names(char *const *env, struct sbuf *faults)
{
	for (; *env != NULL; env++) {
		struct str rest = str_of(*env);
		struct str name = str_split(&rest, '=');
		if (str_starts(name, STR("M2M_")) && !is_known(name) && !is_service_variable(*env))
			sbuf_printf(faults, "%.*s: there is no such setting; --help lists them\n", STR_ARG(name));
	}
}

/* Reads all of `path` into buf[FILE_MAX] and drops one newline at its end. Absent: *ret_why says
 * what went wrong. */
static struct str read_file(const char *path, char *buf, const char **ret_why)
{
	size_t n = 0;
	ssize_t got = 1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1) {
		*ret_why = strerror(errno);
		return STR_NONE;
	}
	while (got > 0 && n < FILE_MAX) {
		got = read(fd, buf + n, FILE_MAX - n);
		if (got > 0)
			n += (size_t)got;
		else if (got == -1 && errno == EINTR)
			got = 1;
	}
	*ret_why = got == -1                      ? strerror(errno)
		   : n == FILE_MAX                ? "it is larger than 64 KiB"
		   : memchr(buf, '\0', n) != NULL ? "it holds a NUL byte"
						  : NULL;
	close(fd);
	if (*ret_why != NULL)
		return STR_NONE;
	if (n > 0 && buf[n - 1] == '\n')
		n--;
	return str_from(buf, n);
}

/* A URL with a user, a conninfo, a PEM text, a line of a key file: put into another setting by
 * mistake, it is still a secret. */
static bool may_be_secret(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '@' || text.p[i] == '=' || (unsigned char)text.p[i] < ' ')
			return true;
	return false;
}

/* The value that was refused, as far as it may be shown on one line. */
static void quote(struct sbuf *faults, struct str text)
{
	struct str shown = text.n > 80 ? str_from(text.p, 80) : text;

	if (may_be_secret(text)) {
		sbuf_putz(faults, " (its value is not shown, it may hold a secret)");
		return;
	}
	sbuf_putz(faults, ", not ");
	sbuf_put_json(faults, shown);
	sbuf_putz(faults, shown.n < text.n ? "..." : "");
}

/* `from_file`: what stands in a file that was named by mistake is never shown. */
static void read_value(const struct setting *s, bool from_file, struct arena *a, struct str text, struct config *c, struct sbuf *faults)
{
	char why_text[512];
	struct sbuf why = sbuf_fixed(why_text, sizeof why_text);

	if (s->parse(s, a, text, c, &why))
		return;
	sbuf_printf(faults, "%s%s: %s", s->name, from_file ? FILE_SUFFIX : "", why_text);
	if (!s->secret && !from_file)
		quote(faults, text);
	sbuf_putc(faults, '\n');
}

/* A value in the place of its file's path may be a secret: only what looks like a path is shown. */
static const char *shown_path(const char *path)
{
	bool is_path = (path[0] == '/' || path[0] == '.') && strpbrk(path, "@=: ") == NULL;
	return is_path ? path : "the file that it names";
}

static void read_from_file(const struct setting *s, const char *path, struct arena *a, struct config *c, struct sbuf *faults)
{
	char buf[FILE_MAX];
	const char *why = NULL;
	struct str text = read_file(path, buf, &why);

	if (text.p == NULL)
		sbuf_printf(faults, "%s" FILE_SUFFIX ": %s can't be used: %s\n", s->name, shown_path(path), why);
	else if (s->secret && file_is_exposed(path))
		sbuf_printf(faults, "%s" FILE_SUFFIX ": %s can't be used: others may read it; chmod 600 it\n", s->name, shown_path(path));
	else
		read_value(s, true, a, text, c, faults);
	crypto_wipe(buf, sizeof buf);
}

static void read_setting(const struct setting *s, struct arena *a, char *const *env, unsigned need, struct config *c, struct sbuf *faults)
{
	struct str text = lookup(env, s->name, "");
	struct str path = lookup(env, s->name, FILE_SUFFIX);

	if (text.p != NULL && path.p != NULL)
		sbuf_printf(faults, "%s and %s" FILE_SUFFIX " are both set; keep one\n", s->name, s->name);
	else if (path.p != NULL)
		read_from_file(s, path.p, a, c, faults);
	else if (text.p != NULL)
		read_value(s, false, a, text, c, faults);
	else if (s->fallback != NULL)
		read_value(s, false, a, str_of(s->fallback), c, faults);
	else if ((need & s->need) != 0)
		sbuf_printf(faults, "%s is not set: %s\n", s->name, s->meaning);
}

static unsigned usable_cores(void)
{
	cpu_set_t set;
	unsigned n = sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
	unsigned quota = cgroup_limits(CGROUP_OF_SELF, CGROUP_MOUNT).cpus;
	n = quota > 0 && quota < n ? quota : n;
	return n < 1 ? 1 : n > 64 ? 64 : n;
}

/* Nothing that passes there can be seen on a network. */
static bool is_within_the_machine(const struct config_listen *l)
{
	return l->local || strncmp(l->host, "127.", 4) == 0 || strcmp(l->host, "::1") == 0;
}

/* Credentials and tokens pass there in the clear: only when somebody has said so. */
static void check_plaintext(const struct config_listener *l, bool allowed, const char *setting, const char *word, struct sbuf *faults)
{
	for (unsigned i = 0; i < l->n && !l->tls && !allowed; i++)
		if (!is_within_the_machine(&l->at[i]))
			sbuf_printf(faults,
				    "%s: %s is not a loopback address, and this listener would not speak TLS; set M2M_TLS_CERT_FILE and"
				    " M2M_TLS_KEY_FILE, or M2M_PLAINTEXT=%s\n",
				    setting, l->at[i].host, word);
}

/* Either alone would believe nobody, while who set it thinks that it does. */
static void check_proxies(const struct proxies *p, struct sbuf *faults)
{
	bool any = p->n > 0 || p->local;
	if (any && p->form == FORWARDED_NONE)
		sbuf_putz(faults, "M2M_TRUSTED_PROXIES is set, but M2M_FORWARDED doesn't say how they name the caller: x-forwarded-for, "
				  "forwarded or proxy-v2\n");
	if (!any && p->form != FORWARDED_NONE)
		sbuf_putz(
			faults,
			"M2M_FORWARDED is set, but M2M_TRUSTED_PROXIES doesn't say whose word is taken: anybody could name any address\n");
	if (p->certificate_field.p == NULL)
		return;
	if (!any)
		sbuf_putz(faults,
			  "M2M_CLIENT_CERT_HEADER is set, but M2M_TRUSTED_PROXIES doesn't say whose word is taken: anybody could show "
			  "any certificate\n");
	/* such a proxy passes on what the client sends, fields too */
	if (p->form == FORWARDED_PROXY_V2)
		sbuf_putz(faults, "M2M_CLIENT_CERT_HEADER goes with M2M_FORWARDED=x-forwarded-for or forwarded, not with proxy-v2\n");
}

/* What is said of clients' certificates must be of use somewhere, and not less strict than it
 * looks. */
static void check_certificates(const struct config *c, struct sbuf *faults)
{
	bool tls = c->http.tls || c->grpc.tls;
	bool asks = c->client_certs != CONFIG_CERTS_OFF;
	bool by_field = c->proxies.certificate_field.p != NULL;
	if (c->tls_clients.text.p != NULL && !tls && !by_field)
		sbuf_putz(faults, "M2M_TLS_CLIENT_CA is set, but neither http nor grpc speaks TLS\n");
	else if (c->tls_clients.text.p != NULL && !asks && !by_field)
		sbuf_putz(faults, "M2M_TLS_CLIENT_CA is set, but M2M_TLS_CLIENT_CERTS is off: nobody would be asked for a certificate\n");
	else if (asks && c->tls_clients.text.p == NULL && !tls)
		sbuf_putz(faults, "M2M_TLS_CLIENT_CERTS is set, but neither http nor grpc speaks TLS\n");
	if (c->client_certs == CONFIG_CERTS_REQUIRE && c->tls_clients.text.p == NULL)
		sbuf_putz(faults, "M2M_TLS_CLIENT_CERTS is require, but M2M_TLS_CLIENT_CA doesn't say who must have signed them\n");
	if (c->mtls_url.p != NULL && !config_takes_certificates(c))
		sbuf_putz(faults, "M2M_MTLS_PUBLIC_URL is set, but no client can show REST a certificate: set M2M_TLS_CLIENT_CERTS or "
				  "M2M_CLIENT_CERT_HEADER\n");
}

bool config_takes_certificates(const struct config *c)
{
	return (c->client_certs != CONFIG_CERTS_OFF && c->http.tls) || c->proxies.certificate_field.p != NULL;
}

static void check_listeners(const struct config *c, struct sbuf *faults)
{
	if ((c->tls_cert.text.p == NULL) != (c->tls_key.text.p == NULL))
		sbuf_printf(faults, "%s is set, but not %s\n", c->tls_cert.text.p != NULL ? "M2M_TLS_CERT" : "M2M_TLS_KEY",
			    c->tls_cert.text.p != NULL ? "M2M_TLS_KEY" : "M2M_TLS_CERT");
	check_certificates(c, faults);
	check_plaintext(&c->http, (c->plaintext & CONFIG_HTTP) != 0, "M2M_HTTP_LISTEN", "http", faults);
	check_plaintext(&c->grpc, (c->plaintext & CONFIG_GRPC) != 0, "M2M_GRPC_LISTEN", "grpc", faults);
	check_plaintext(&c->ops, (c->plaintext & CONFIG_OPS) != 0, "M2M_OPS_LISTEN", "ops", faults);
}

/* A bucket takes at most RATE_FILL_MAX_S to fill; a burst without a rate says nothing, so that a
 * limit can be taken off by its rate alone. */
static void check_burst(unsigned rate, unsigned *burst, const char *setting, const char *rate_setting, struct sbuf *faults)
{
	if (*burst == 0)
		*burst = 10 * rate;
	if (rate > 0 && *burst > rate * RATE_FILL_MAX_S)
		sbuf_printf(faults, "%s: %u is more than an hour's worth of %s, which is %u\n", setting, *burst, rate_setting,
			    rate * RATE_FILL_MAX_S);
}

/* The URL of the listener's first address that one can name; absent: it has none. */
static struct str issuer_of(struct arena *a, const struct config_listener *l)
{
	unsigned i = 0;
	while (i < l->n && l->at[i].local)
		i++;
	if (i == l->n)
		return STR_NONE;
	bool six = strchr(l->at[i].host, ':') != NULL;
	return arena_printf(a, "%s://%s%s%s:%u", l->tls ? "https" : "http", six ? "[" : "", l->at[i].host, six ? "]" : "", l->at[i].port);
}

/* Where nobody says how clients show their certificates, those who can ask for one demand it. */
static bool demands_certificates(const struct config *c)
{
	return c->tls_clients.text.p != NULL && (c->http.tls || c->grpc.tls) && c->proxies.certificate_field.p == NULL;
}

static void work_out_rest(struct arena *a, char *const *env, struct config *c)
{
	bool certificate = c->tls_cert.text.p != NULL && c->tls_key.text.p != NULL;

	c->database_url_path = arena_copy(a, lookup(env, "M2M_DATABASE_URL", FILE_SUFFIX));
	c->trusted_issuers_path = arena_copy(a, lookup(env, "M2M_TRUSTED_ISSUERS", FILE_SUFFIX));
	c->tls_cert.path = arena_copy(a, lookup(env, "M2M_TLS_CERT", FILE_SUFFIX));
	c->tls_key.path = arena_copy(a, lookup(env, "M2M_TLS_KEY", FILE_SUFFIX));
	c->tls_clients.path = arena_copy(a, lookup(env, "M2M_TLS_CLIENT_CA", FILE_SUFFIX));
	c->http.tls = certificate && (c->plaintext & CONFIG_HTTP) == 0;
	c->grpc.tls = certificate && (c->plaintext & CONFIG_GRPC) == 0;
	c->ops.tls = certificate && (c->plaintext & CONFIG_OPS) == 0;
	if (c->client_certs == CONFIG_CERTS_UNSET)
		c->client_certs = demands_certificates(c) ? CONFIG_CERTS_REQUIRE : CONFIG_CERTS_OFF;
	if (c->workers == 0)
		c->workers = usable_cores();
	c->issuer_by_default = c->issuer.p == NULL;
	if (c->issuer.p == NULL)
		c->issuer = issuer_of(a, &c->http);
}

/* RFC 8414 section 3.1: a slash that ends the issuer is no part of the URLs that are made of it. */
static void take_issuer_apart(struct config *c)
{
	struct str rest = c->issuer;
	if (rest.p == NULL)
		return;
	if (rest.p[rest.n - 1] == '/')
		rest.n--;
	c->public_url = rest;
	if (c->mtls_url.p != NULL && c->mtls_url.p[c->mtls_url.n - 1] == '/')
		c->mtls_url.n--;
	const char *authority = strstr(rest.p, "://") + 3;
	size_t before = (size_t)(authority - rest.p);
	const char *slash = memchr(authority, '/', rest.n - before);
	c->public_path = slash == NULL ? STR("") : str_from(slash, rest.n - (size_t)(slash - rest.p));
}

bool config_issuer_is_unreachable(const struct config *c)
{
	struct str rest = c->issuer;
	struct str authority = STR_NONE;
	for (int i = 0; i < 3; i++) /* http:, nothing, host:port */
		authority = str_split(&rest, '/');
	bool wildcard = str_starts(authority, STR("0.0.0.0:")) || str_starts(authority, STR("[::]:")) ||
			str_eq(authority, STR("0.0.0.0")) || str_eq(authority, STR("[::]"));
	bool port_0 = authority.n > 2 && memcmp(authority.p + authority.n - 2, ":0", 2) == 0;
	return wildcard || port_0;
}

enum err config_read(struct arena *a, char *const *env, unsigned need, struct config *ret, struct sbuf *faults)
{
	size_t faults_before = faults->n;

	*ret = (struct config){0};
	check_names(env, faults);
	for (size_t i = 0; i < settings_n; i++)
		read_setting(&settings[i], a, env, need, ret, faults);
	work_out_rest(a, env, ret);
	take_issuer_apart(ret);
	if (ret->issuer.p == NULL && ret->http.n > 0)
		sbuf_putz(faults, "M2M_ISSUER is not set, and M2M_HTTP_LISTEN has no address that a URL could name\n");
	check_proxies(&ret->proxies, faults);
	check_burst(ret->client_rate, &ret->client_burst, "M2M_CLIENT_BURST", "M2M_CLIENT_RATE", faults);
	check_burst(ret->address_rate, &ret->address_burst, "M2M_ADDRESS_BURST", "M2M_ADDRESS_RATE", faults);
	if ((need & CONFIG_NEED_LISTENERS) != 0 && faults->n == faults_before)
		check_listeners(ret, faults);

	if (faults->n == faults_before && !faults->overflow && !arena_overflowed(a))
		return ERR_OK;
	config_wipe(ret);
	return ERR_MALFORMED;
}

void config_wipe(struct config *c)
{
	crypto_wipe(c, sizeof *c);
}
