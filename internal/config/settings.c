/* The table of settings: what config_read reads and what --help prints. Defaults are text and go
 * through the same checks. */
#include "base/rate_table.h"
#include "config/setting.h"

#define BURST_MAX 100000

#define AT(member) .offset = offsetof(struct config, member)

/* clang-format off */
const struct setting settings[] = {
	{"M2M_DATABASE_URL", NULL, "required by m2m-gateway", "the database, as the role m2m_gateway",
	 parse_database_url, AT(database_url), .need = CONFIG_NEED_DATABASE, .secret = true},
	{"M2M_ADMIN_DATABASE_URL", NULL, "required by m2mctl", "the same database, as the owner of its schema",
	 parse_database_url, AT(admin_database_url), .need = CONFIG_NEED_ADMIN_DATABASE, .secret = true},
	{"M2M_MASTER_KEYS", NULL, "required by m2m-gateway", "lines `key_id: base64 of 32 bytes`, the first one active; better M2M_MASTER_KEYS_FILE",
	 parse_master_keys, AT(ring), .need = CONFIG_NEED_MASTER_KEYS, .secret = true},
	{"M2M_HTTP_LISTEN", "127.0.0.1:8080", "127.0.0.1:8080", "addresses of REST and OAuth, a comma list: ADDRESS:PORT, or unix:/PATH",
	 parse_listen, AT(http)},
	{"M2M_GRPC_LISTEN", "127.0.0.1:9090", "127.0.0.1:9090", "addresses of gRPC, likewise",
	 parse_listen, AT(grpc)},
	{"M2M_OPS_LISTEN", "127.0.0.1:9100", "127.0.0.1:9100", "addresses of health checks and metrics, likewise",
	 parse_listen, AT(ops)},
	{"M2M_TRUSTED_PROXIES", NULL, "none", "comma list of the networks that proxies before REST and gRPC connect from; unix: whoever connects to a unix socket",
	 parse_proxies, AT(proxies)},
	{"M2M_FORWARDED", "none", "none", "how those proxies name the caller: none, x-forwarded-for, forwarded (RFC 7239) or proxy-v2",
	 parse_forwarded, AT(proxies)},
	{"M2M_TLS_CERT", NULL, "none", "PEM certificate chain for TLS on every listener; better M2M_TLS_CERT_FILE, reread when it changes",
	 parse_text, AT(tls_cert.text)},
	{"M2M_TLS_KEY", NULL, "none", "its PEM private key; better M2M_TLS_KEY_FILE, reread when it changes",
	 parse_text, AT(tls_key.text), .secret = true},
	{"M2M_TLS_CLIENT_CA", NULL, "none", "PEM certificates of the authorities that vouch for clients' certificates; better M2M_TLS_CLIENT_CA_FILE, reread when it changes",
	 parse_text, AT(tls_clients.text)},
	{"M2M_TLS_CLIENT_CERTS", NULL, "require with M2M_TLS_CLIENT_CA, else off", "whether REST and gRPC ask for a client certificate: off, request (any, or none), or require (one that M2M_TLS_CLIENT_CA vouches for)",
	 parse_client_certs, AT(client_certs)},
	{"M2M_CLIENT_CERT_HEADER", "off", "off", "the field in which trusted proxies tell the client's certificate (RFC 9440): off, on (Client-Cert), or its name",
	 parse_certificate_field, AT(proxies.certificate_field)},
	{"M2M_PLAINTEXT", NULL, "none", "all, or a comma list of http, grpc, ops: no TLS there, though there is a certificate or the address isn't loopback",
	 parse_plaintext, AT(plaintext)},
	{"M2M_ISSUER", NULL, "http(s)://<M2M_HTTP_LISTEN>", "the issuer (iss) of our tokens: the URL that clients reach the gateway by; its path, if any, stands before every route",
	 parse_issuer, AT(issuer)},
	{"M2M_MTLS_PUBLIC_URL", NULL, "M2M_ISSUER", "the URL that clients with a certificate reach the gateway by, where it is another one; the metadata's mtls_endpoint_aliases",
	 parse_issuer, AT(mtls_url)},
	{"M2M_DEFAULT_AUDIENCE", "public-api", "public-api", "audience of clients that are made without --audience",
	 parse_audience, AT(default_audience)},
	{"M2M_DEFAULT_SCOPE", "api", "api", "scope of clients that are made without --scope",
	 parse_scope, AT(default_scope)},
	{"M2M_SIGNING_ALG", "RS256", "RS256", "algorithm of signing keys that m2mctl makes",
	 parse_alg, AT(signing_alg)},
	{"M2M_ACCESS_TOKEN_TYPE", "JWT", "JWT", "JWT, or at+jwt as RFC 9068 has it; a client may have its own",
	 parse_token_type, AT(at_jwt)},
	{"M2M_PROFILE", "none", "none", "fapi2 holds every client to the FAPI 2.0 Security Profile; none, those alone that have the profile",
	 parse_profile, AT(fapi2)},
	{"M2M_TRUSTED_ISSUERS", NULL, "none", "JSON list of outside issuers whose tokens are taken; better M2M_TRUSTED_ISSUERS_FILE, reread when it changes",
	 parse_text, AT(trusted_issuers)},
	{"M2M_WORKERS", NULL, "one per usable core", "worker threads",
	 parse_number, AT(workers), .min = 1, .max = 64},
	{"M2M_BATCH_MAX", "256", "256", "tokens that one statement records at most",
	 parse_number, AT(batch_max), .min = 1, .max = 1024},
	{"M2M_QUEUE_MAX", "1024", "1024", "requests that may wait in one worker; more are answered 503",
	 parse_number, AT(queue_max), .min = 1, .max = 65536},
	{"M2M_MAX_CONNECTIONS", "4096", "4096", "client connections of one worker",
	 parse_number, AT(connections_max), .min = 1, .max = 65536},
	{"M2M_REQUEST_TIMEOUT_MS", "5000", "5000", "longest wait for the database's answer",
	 parse_number, AT(request_timeout_ms), .min = 100, .max = 60000},
	{"M2M_RECEIVE_TIMEOUT_MS", "10000", "10000", "from a request's first byte to its last",
	 parse_number, AT(receive_timeout_ms), .min = 100, .max = 60000},
	{"M2M_IDLE_TIMEOUT_MS", "75000", "75000", "how long a connection without a request is kept",
	 parse_number, AT(idle_timeout_ms), .min = 1000, .max = 900000},
	{"M2M_SHUTDOWN_DELAY_MS", "5000", "5000", "how long it serves on after SIGTERM with readiness red, for balancers to notice",
	 parse_number, AT(shutdown_delay_ms), .min = 0, .max = 300000},
	{"M2M_DRAIN_MS", "10000", "10000", "how long requests in flight may take after that",
	 parse_number, AT(drain_ms), .min = 0, .max = 300000},
	{"M2M_JWKS_MAX_AGE", "300", "300", "seconds that a cache may keep the JWKS",
	 parse_number, AT(jwks_max_age_s), .min = 0, .max = 86400},
	{"M2M_PARTITION_DAYS", "28", "28", "days of audit partitions made ahead",
	 parse_number, AT(partition_days), .min = 7, .max = 400},
	{"M2M_ASSERTION_LIFETIME_MAX_S", "300", "300", "seconds that a client assertion may be good for, 10 to 3600",
	 parse_number, AT(assertion_lifetime_s), .min = 10, .max = 3600},
	{"M2M_DPOP_NONCE", "off", "off", "off or required: whether each DPoP proof has to carry a nonce of the gateway's (RFC 9449 section 8)",
	 parse_dpop_nonce, AT(dpop_nonce)},
	{"M2M_CLIENT_RATE", "0", "0, no limit", "tokens a second that one client may ask for, up to 10000; more are answered 429",
	 parse_number, AT(client_rate), .min = 0, .max = RATE_PER_SECOND_MAX},
	{"M2M_CLIENT_BURST", NULL, "ten times the rate", "how many at once after a pause, 1 to 100000",
	 parse_number, AT(client_burst), .min = 1, .max = BURST_MAX},
	{"M2M_ADDRESS_RATE", "0", "0, no limit", "requests a second from one address (IPv6: from one /64), up to 10000; more are answered 429",
	 parse_number, AT(address_rate), .min = 0, .max = RATE_PER_SECOND_MAX},
	{"M2M_ADDRESS_BURST", NULL, "ten times the rate", "how many at once after a pause, 1 to 100000",
	 parse_number, AT(address_burst), .min = 1, .max = BURST_MAX},
	{"M2M_OTLP_ENDPOINT", NULL, "none", "URL of an OTLP/HTTP collector, such as http://localhost:4318, to which traces are sent",
	 parse_endpoint, AT(otlp_endpoint), .secret = true},
	{"M2M_TRACE_PERCENT", "100", "100", "how many in 100 of the requests without a traceparent are traced; others as their traceparent says",
	 parse_number, AT(trace_percent), .min = 0, .max = 100},
	{"M2M_LOG_LEVEL", "info", "info", "debug, info, warn or error",
	 parse_log_level, AT(log_level)},
};
/* clang-format on */

const size_t settings_n = sizeof settings / sizeof settings[0];

void config_describe(struct sbuf *out)
{
	sbuf_putz(out, "Settings (environment; each also as NAME_FILE, a file that holds the value; an empty value counts as not set):\n");
	for (size_t i = 0; i < settings_n; i++)
		sbuf_printf(out, "  %-24s %s\n  %-24s default: %s\n", settings[i].name, settings[i].meaning, "", settings[i].shown);
}
