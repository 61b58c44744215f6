#include "trust/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "json/json_read.h"

#define AGE_DEFAULT_S      300
#define AGE_MIN_S          10
#define AGE_MAX_S          86400
#define BACKOFF_MAX_S      60
#define BEARER_MAX         16384
#define CONFIGURATION_ROOM (4 << 20)

struct source *source_new(const struct issuer_entry *entry)
{
	struct source *s = calloc(1, sizeof *s);
	if (s == NULL)
		return NULL;
	s->entry = entry;
	s->busy = issuer_is_fetched(entry);
	return s;
}

void source_free(struct source *s)
{
	if (s == NULL)
		return;
	fetch_free(s->fetch);
	free(s->text);
	free(s);
}

bool source_serves(const struct source *s, const struct issuer_entry *entry)
{
	return str_eq(s->entry->issuer.issuer, entry->issuer.issuer) && str_eq(s->entry->jwks_file, entry->jwks_file) &&
	       str_eq(s->entry->jwks_url, entry->jwks_url) && str_eq(s->entry->ca_file, entry->ca_file) &&
	       str_eq(s->entry->bearer_file, entry->bearer_file) && s->entry->discovery == entry->discovery &&
	       str_eq(s->entry->issuer.spiffe_trust_domain, entry->issuer.spiffe_trust_domain);
}

static void complain(struct source *s, const char *why)
{
	struct log_line line;
	if (s->complained)
		return;
	s->complained = true;
	log_begin(&line, LOG_WARN, "issuer_keys_unavailable");
	log_str(&line, "issuer", s->entry->issuer.issuer);
	log_str(&line, "message", str_of(why));
	log_bool(&line, "keeps_earlier_keys", s->text != NULL);
	log_end(&line);
}

static bool not_now(struct source *s)
{
	s->again = true;
	complain(s, "out of memory");
	return false;
}

/* A copy of `text`, if it is a JWK Set. */
static bool take_set(struct source *s, struct str text, uint64_t version)
{
	struct jwks *set = NULL;
	unsigned skipped = 0;
	struct log_line line;
	enum err err = jwks_parse(text, &set, &skipped);
	if (err == ERR_NO_MEMORY)
		return not_now(s);
	if (err != ERR_OK) {
		complain(s, "what was read is not a usable JWK Set (RFC 7517 section 5)");
		return false;
	}
	size_t usable = jwks_count(set);
	jwks_free(set);
	s->complained = false;
	if (str_eq(text, s->keys.text))
		return false;
	char *copy = malloc(text.n + 1);
	if (copy == NULL)
		return not_now(s);
	memcpy(copy, text.p, text.n);
	free(s->text);
	s->text = copy;
	s->keys = (struct key_text){str_from(copy, text.n), version};
	s->has_keys = true;
	log_begin(&line, LOG_INFO, "issuer_keys_loaded");
	log_str(&line, "issuer", s->entry->issuer.issuer);
	log_int(&line, "keys", (int64_t)usable);
	log_int(&line, "skipped", skipped);
	log_end(&line);
	return true;
}

/* ---- files ---- */

bool source_look(struct source *s, uint64_t version)
{
	uint8_t digest[SHA256_LEN];
	if (s->entry->jwks_file.p == NULL)
		return false;
	struct str text = file_read(s->entry->jwks_file, JWKS_TEXT_MAX);
	if (text.p == NULL) {
		complain(s, strerror(errno));
		memset(s->seen, 0, sizeof s->seen);
		return false;
	}
	bool taken = false;
	bool known = sha256(text.p, text.n, digest) != ERR_OK || memcmp(digest, s->seen, sizeof digest) == 0;
	if (!known) {
		memcpy(s->seen, digest, sizeof digest);
		s->complained = false; /* whatever is wrong now is something new */
	}
	if (!known || s->again) {
		s->again = false;
		taken = take_set(s, text, version);
	}
	free((char *)text.p);
	return taken;
}

/* ---- URLs ---- */

bool source_is_due(const struct source *s, int64_t now_us)
{
	return issuer_is_fetched(s->entry) && s->fetch == NULL && (s->busy || now_us >= s->next_us);
}

static void failed(struct source *s, const char *why, int64_t now_us)
{
	int64_t wait_s = s->failures < 6 ? INT64_C(1) << s->failures : BACKOFF_MAX_S;
	s->failures++;
	s->next_us = now_us + wait_s * 1000000;
	complain(s, why);
}

/* OpenID Connect Discovery 1.0 section 4.1. Absent: out of memory. */
static struct str discovery_url(struct str issuer, char **ret)
{
	size_t n = issuer.n - (issuer.p[issuer.n - 1] == '/');
	*ret = NULL;
	if (asprintf(ret, "%.*s/.well-known/openid-configuration", (int)n, issuer.p) < 0)
		*ret = NULL;
	return *ret == NULL ? STR_NONE : str_of(*ret);
}

/* The token that opens the issuer's own host; freed by the caller. False: it is wanted, and isn't
 * there. A Kubernetes one is renewed every hour, so it is read each time. */
static bool read_bearer(const struct issuer_entry *entry, struct str *ret)
{
	if (entry->bearer_file.p == NULL)
		return true;
	*ret = file_read(entry->bearer_file, BEARER_MAX);
	while (ret->n > 0 && strchr(" \t\r\n", ret->p[ret->n - 1]) != NULL)
		ret->n--;
	for (size_t i = 0; i < ret->n; i++)
		if (ret->p[i] <= 0x20 || ret->p[i] >= 0x7f)
			return false;
	return ret->n > 0;
}

static const char *start(struct source *s, CURLM *multi, struct str url, bool own_host)
{
	struct str bearer = STR_NONE;
	if (url.p == NULL)
		return "out of memory";
	bool readable = !own_host || read_bearer(s->entry, &bearer);
	if (readable)
		s->fetch = fetch_start(multi, url, s->entry->ca_file, bearer);
	if (bearer.p != NULL) {
		explicit_bzero((char *)bearer.p, bearer.n);
		free((char *)bearer.p);
	}
	return !readable ? "bearer_file holds no token that can be read" : s->fetch == NULL ? "out of memory" : NULL;
}

void source_begin(struct source *s, CURLM *multi, int64_t now_us)
{
	char *text = NULL;
	s->asked_us = now_us;
	s->discovering = s->entry->discovery;
	struct str url = s->discovering ? discovery_url(s->entry->issuer.issuer, &text) : s->entry->jwks_url;
	const char *why = start(s, multi, url, true);
	free(text);
	s->busy = s->fetch != NULL;
	if (s->fetch == NULL)
		failed(s, why, now_us);
}

/* ---- discovery ---- */

/* The issuer's configuration (OpenID Connect Discovery 1.0 section 4.3) -> where its keys are.
 * NULL, or what is wrong with it. */
static const char *read_configuration(struct source *s, struct str text, char **ret_url)
{
	static const struct json_limits limits = {.max_depth = 8, .max_values = 4096, .max_members = 512};
	const struct json *document = NULL;
	struct str issuer = STR_NONE;
	struct str url = STR_NONE;
	struct arena *a = arena_new(CONFIGURATION_ROOM);
	const char *why = NULL;
	if (a == NULL)
		return "out of memory";
	if (json_parse(a, text, limits, &document) != ERR_OK || json_string(json_get(document, "issuer"), &issuer) != ERR_OK ||
	    json_string(json_get(document, "jwks_uri"), &url) != ERR_OK)
		why = "what was read is not an issuer's configuration (OpenID Connect Discovery 1.0 section 3)";
	else if (!str_eq(issuer, s->entry->issuer.issuer))
		why = "the configuration is another issuer's (OpenID Connect Discovery 1.0 section 4.3)";
	else if (!issuer_is_https_url(url))
		why = "the configuration's jwks_uri is no https:// URL without user and fragment";
	else if ((*ret_url = strndup(url.p, url.n)) == NULL)
		why = "out of memory";
	arena_free(a);
	return why;
}

bool source_goes_on(struct source *s, CURLM *multi)
{
	struct str body = fetch_body(s->fetch);
	char *url = NULL;
	if (!s->discovering || body.p == NULL)
		return false;
	s->discovering = false;
	s->why = read_configuration(s, body, &url);
	if (s->why != NULL)
		return false;
	bool own_host = fetch_is_at(s->fetch, url);
	fetch_free(s->fetch);
	s->fetch = NULL;
	s->why = start(s, multi, str_of(url), own_host);
	free(url);
	return s->fetch != NULL;
}

bool source_end(struct source *s, uint64_t version, int64_t now_us)
{
	const char *why = s->why;
	struct str body = why == NULL ? fetch_body(s->fetch) : STR_NONE;
	long age = why == NULL ? fetch_max_age(s->fetch, AGE_DEFAULT_S) : 0;
	bool taken = body.p != NULL && take_set(s, body, version);
	s->why = NULL;
	if (body.p == NULL || s->complained) {
		failed(s, why != NULL ? why : fetch_why(s->fetch), now_us);
	} else {
		age = age < AGE_MIN_S ? AGE_MIN_S : age > AGE_MAX_S ? AGE_MAX_S : age;
		s->failures = 0;
		s->next_us = now_us + age * INT64_C(1000000);
	}
	fetch_free(s->fetch);
	s->fetch = NULL;
	return taken;
}
