/* One row of the table of settings, and how a row's text becomes a value. Private to config/. */
#ifndef M2M_CONFIG_SETTING_H
#define M2M_CONFIG_SETTING_H

#include "config/config.h"

struct setting {
	const char *name; /* "M2M_WORKERS" */
	/* the text used when the variable is not set; NULL: none, or one that config_read works
	 * out */
	const char *fallback;
	const char *shown; /* what --help calls the default */
	const char *meaning;
	/* Checks `text` and writes the value into *c at `offset`. False: what was expected has
	 * been appended to `why`, without the text. */
	bool (*parse)(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
	size_t offset;
	unsigned min, max; /* of numbers */
	unsigned need;     /* which enum config_need makes it required */
	bool secret;       /* never quoted in a fault */
};

extern const struct setting settings[];
extern const size_t settings_n;

bool parse_number(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_listen(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_proxies(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_forwarded(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_client_certs(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_certificate_field(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_plaintext(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_endpoint(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_issuer(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_database_url(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_audience(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_scope(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_alg(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_signatures(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_profile(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_token_type(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_dpop_nonce(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_pages(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_pages_title(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_pages_color(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_pages_ancestors(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
/* Any text; what reads it later judges it. */
bool parse_text(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_log_level(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);
bool parse_master_keys(const struct setting *s, struct arena *a, struct str text, struct config *c, struct sbuf *why);

#endif
