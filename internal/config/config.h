/* The settings: environment variables M2M_*, each also as M2M_*_FILE (the file's content without
 * its last newline), read once into one validated struct that never changes afterwards. Both
 * programs read the same table; names that only one of them uses, and those of demo.env, are
 * known to both. */
#ifndef M2M_CONFIG_CONFIG_H
#define M2M_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/forwarded.h"
#include "base/log.h"
#include "base/sbuf.h"
#include "base/str.h"
#include "crypto/master_ring.h"
#include "crypto/signing_key.h"

#define CONFIG_LISTEN_MAX 8

/* One address of a listener. */
struct config_listen {
	/* "127.0.0.1", "::1", "0.0.0.0", numeric; a unix socket: its path, from its slash on */
	char host[256];
	uint16_t port;  /* 0: any free one; of a unix socket none */
	bool local;     /* a unix socket, which never speaks TLS */
	bool only_ipv6; /* [::] beside an IPv4 address with the same port */
};

struct config_listener {
	struct config_listen at[CONFIG_LISTEN_MAX];
	unsigned n;
	/* whether it speaks TLS: there is a certificate, and M2M_PLAINTEXT doesn't name it */
	bool tls;
};

/* Connections to PostgreSQL that a worker opens. */
#define CONFIG_WORKER_CONNECTIONS 2

/* Descriptors that are kept for the operator's listener when clients have all that they may
 * have. */
#define CONFIG_OPS_DESCRIPTORS 64

/* A PEM text, and the file it was read from, if it was; both absent: not set. */
struct config_pem {
	struct str text, path;
};

/* Bits of M2M_PLAINTEXT. */
enum config_plaintext { CONFIG_HTTP = 1, CONFIG_GRPC = 2, CONFIG_OPS = 4 };

/* M2M_TLS_CLIENT_CERTS: what REST and gRPC do about a client's certificate. */
enum config_client_certs {
	CONFIG_CERTS_UNSET, /* not seen once config_read is done */
	CONFIG_CERTS_OFF,
	CONFIG_CERTS_REQUEST, /* any is taken, and none is */
	CONFIG_CERTS_REQUIRE, /* one that M2M_TLS_CLIENT_CA vouches for */
};

struct config {
	struct str database_url; /* M2M_DATABASE_URL: the gateway's */
	/* M2M_DATABASE_URL_FILE, whose content was that; absent: given in the environment */
	struct str database_url_path;
	struct str admin_database_url; /* M2M_ADMIN_DATABASE_URL: m2mctl's; absent if not set */
	struct config_listener http;   /* M2M_HTTP_LISTEN, default 127.0.0.1:8080 */
	struct config_listener grpc;   /* M2M_GRPC_LISTEN, default 127.0.0.1:9090 */
	struct config_listener ops;    /* M2M_OPS_LISTEN, default 127.0.0.1:9100 */
	/* M2M_TRUSTED_PROXIES, M2M_FORWARDED and M2M_CLIENT_CERT_HEADER */
	struct proxies proxies;
	/* M2M_PLAINTEXT, bits of enum config_plaintext: no TLS there, said so */
	unsigned plaintext;
	struct config_pem tls_cert; /* M2M_TLS_CERT: chain, the server's own certificate first */
	struct config_pem tls_key;  /* M2M_TLS_KEY: its private key */
	/* M2M_TLS_CLIENT_CA: who must have signed a client's certificate, for its names to count;
	 * absent: nobody */
	struct config_pem tls_clients;
	/* M2M_TLS_CLIENT_CERTS, default require with M2M_TLS_CLIENT_CA and without
	 * M2M_CLIENT_CERT_HEADER, else off */
	enum config_client_certs client_certs;
	/* M2M_ISSUER, default http(s)://<http listen>; an http(s) URL without query and fragment */
	struct str issuer;
	/* the same without a slash at its end: what the routes' paths are appended to */
	struct str public_url;
	/* nobody has set it: clients may know the gateway by another name */
	bool issuer_by_default;
	struct str public_path; /* the path of that, from its slash on; empty without one */
	/* M2M_MTLS_PUBLIC_URL: where clients with a certificate reach the gateway; absent: there
	 * too. Without a slash at its end */
	struct str mtls_url;
	/* M2M_DEFAULT_AUDIENCE, default "public-api": of clients made without --audience */
	struct str default_audience;
	/* M2M_DEFAULT_SCOPE, default "api": of clients made without --scope */
	struct str default_scope;
	bool has_master_keys;
	struct master_ring ring;  /* M2M_MASTER_KEYS (usually M2M_MASTER_KEYS_FILE) */
	enum jwt_alg signing_alg; /* M2M_SIGNING_ALG, default RS256: of keys that m2mctl makes */
	/* M2M_ACCESS_TOKEN_TYPE, JWT (default) or at+jwt (RFC 9068): of clients that have no
	 * token_type of their own */
	bool at_jwt;
	/* M2M_PROFILE, none (default) or fapi2: every client is held to the FAPI 2.0 Security
	 * Profile, whatever its own profile says */
	bool fapi2;
	/* M2M_TRUSTED_ISSUERS: JSON text of trust/trust.h's list; absent: none */
	struct str trusted_issuers;
	/* M2M_TRUSTED_ISSUERS_FILE, whose content was that; absent: given in the environment */
	struct str trusted_issuers_path;
	/* M2M_SIGNATURES, default multi-buffer: the farthest way that may be used */
	enum signing_way signing_way;
	unsigned workers; /* M2M_WORKERS, default: one per usable core; 1 to 64 */
	/* M2M_BATCH_MAX, default 256; 1 to 1024 tokens in one statement */
	unsigned batch_max;
	/* M2M_QUEUE_MAX, default 1024; 1 to 65536 waiting requests per worker; more are answered
	 * 503 */
	unsigned queue_max;
	/* M2M_MAX_CONNECTIONS, default 4096; 1 to 65536 client connections per worker */
	unsigned connections_max;
	/* M2M_REQUEST_TIMEOUT_MS, default 5000; 100 to 60000: the store's answer */
	unsigned request_timeout_ms;
	/* M2M_RECEIVE_TIMEOUT_MS, default 10000; 100 to 60000: from a request's first byte to
	 * its last */
	unsigned receive_timeout_ms;
	/* M2M_IDLE_TIMEOUT_MS, default 75000; 1000 to 900000: a keep-alive connection without a
	 * request */
	unsigned idle_timeout_ms;
	/* M2M_SHUTDOWN_DELAY_MS, default 5000; 0 to 300000: served on after SIGTERM, while
	 * readiness is red */
	unsigned shutdown_delay_ms;
	/* M2M_DRAIN_MS, default 10000; 0 to 300000: for what is in flight after that */
	unsigned drain_ms;
	/* M2M_ASSERTION_LIFETIME_MAX_S, default 300; 10 to 3600: how far ahead of now the `exp` of
	 * a client assertion may be */
	unsigned assertion_lifetime_s;
	/* M2M_DPOP_NONCE, off (default) or required: DPoP proofs need a nonce (RFC 9449 section
	 * 8) */
	bool dpop_nonce;
	/* M2M_CLIENT_RATE, default 0, which is no limit; up to 10000: requests for tokens a second,
	 * for each client */
	unsigned client_rate;
	/* M2M_CLIENT_BURST, default ten times the rate; 1 to 100000, an hour of the rate at most */
	unsigned client_burst;
	/* M2M_ADDRESS_RATE, the same for all requests of each remote address */
	unsigned address_rate;
	unsigned address_burst; /* M2M_ADDRESS_BURST */
	/* M2M_OTLP_ENDPOINT: traces go to <it>/v1/traces; absent: none do */
	struct str otlp_endpoint;
	/* M2M_TRACE_PERCENT, default 100; 0 to 100: of the requests without a traceparent */
	unsigned trace_percent;
	bool pages;             /* M2M_PAGES, on (default) or off */
	struct str pages_title; /* M2M_PAGES_TITLE, default "API credentials" */
	struct str pages_logo;  /* M2M_PAGES_LOGO: path of an SVG or PNG file; absent: none */
	struct str pages_color; /* M2M_PAGES_COLOR: "#rrggbb"; absent: the pages' own */
	/* M2M_PAGES_ANCESTORS: what the Content-Security-Policy names as frame-ancestors,
	 * default 'none' */
	struct str pages_ancestors;
	unsigned jwks_max_age_s; /* M2M_JWKS_MAX_AGE, default 300; 0 to 86400 */
	/* M2M_PARTITION_DAYS, default 28; 7 to 400: audit partitions made ahead */
	unsigned partition_days;
	enum log_level log_level; /* M2M_LOG_LEVEL: debug, info (default), warn, error */

	/* No setting: a client's connection has a lower descriptor, one of the operator's
	 * listener one that is lower than this and CONFIG_OPS_DESCRIPTORS (worker/limits.h). 0:
	 * not known. */
	int descriptors_max;
};

/* Reads `environ`-shaped `env`, after crypto_init. Appends one clear line per fault (unknown
 * M2M_* name, both NAME and NAME_FILE, unreadable file, bad value: the name, what was expected,
 * never a secret's value) to `faults`; any fault gives ERR_MALFORMED and leaves *ret wiped.
 * `need` says which settings the program can't do without. Memory from `a`. */
enum config_need {
	CONFIG_NEED_DATABASE = 1,
	CONFIG_NEED_ADMIN_DATABASE = 2,
	CONFIG_NEED_MASTER_KEYS = 4,
	/* what M2M_*_LISTEN, M2M_TLS_* and M2M_PLAINTEXT say together must be safe to serve on */
	CONFIG_NEED_LISTENERS = 8,
};
MUST_CHECK enum err config_read(struct arena *a, char *const *env, unsigned need, struct config *ret, struct sbuf *faults);
void config_wipe(struct config *c);

/* Whether it is spelled as a setting that names a database is; what is said where it isn't. */
bool config_is_database_url(struct str text);
#define CONFIG_DATABASE_URL_EXPECTED                                                                                                       \
	"expected a URL such as postgresql://user:password@host:5432/database (its value is not shown, it may hold a password)"

/* Whether this is a name that m2mctl prints with --output env, or quickstart leaves in demo.env:
 * where it is set, neither program minds. */
bool config_is_printed(struct str name);

/* Whether a client can show REST a certificate: in its handshake, or by a proxy. */
bool config_takes_certificates(const struct config *c);

/* The issuer is where a listener is bound, and no address that a client could ask: a wildcard,
 * or port 0. */
bool config_issuer_is_unreachable(const struct config *c);
/* What to do about it, for the log and m2mctl config check. */
#define CONFIG_ISSUER_ADVICE "no client can reach this issuer; set M2M_ISSUER to the public URL"

/* Prints the table of settings (name, default, meaning), for `--help` of both programs. */
void config_describe(struct sbuf *out);

#endif
