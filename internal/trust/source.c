#include "trust/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"

#define AGE_DEFAULT_S 300
#define AGE_MIN_S     10
#define AGE_MAX_S     86400
#define BACKOFF_MAX_S 60

struct source *source_new(const struct issuer_entry *entry)
{
	struct source *s = calloc(1, sizeof *s);
	if (s == NULL)
		return NULL;
	s->entry = entry;
	s->busy = entry->jwks_url.p != NULL;
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
	       str_eq(s->entry->jwks_url, entry->jwks_url) && str_eq(s->entry->ca_file, entry->ca_file);
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

/* A copy of `text`, if it is a JWK Set. */
static bool take_set(struct source *s, struct str text, uint64_t version)
{
	struct jwks *set = NULL;
	unsigned skipped = 0;
	struct log_line line;
	if (jwks_parse(text, &set, &skipped) != ERR_OK) {
		complain(s, "what was read is not a usable JWK Set (RFC 7517 section 5)");
		return false;
	}
	size_t usable = jwks_count(set);
	jwks_free(set);
	s->complained = false;
	if (str_eq(text, s->keys.text))
		return false;
	char *copy = malloc(text.n + 1);
	if (copy == NULL) {
		/* a file's: or this text would count as taken */
		memset(s->seen, 0, sizeof s->seen);
		complain(s, "out of memory");
		return false;
	}
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
	if (sha256(text.p, text.n, digest) == ERR_OK && memcmp(digest, s->seen, sizeof digest) != 0) {
		memcpy(s->seen, digest, sizeof digest);
		s->complained = false; /* whatever is wrong now is something new */
		taken = take_set(s, text, version);
	}
	free((char *)text.p);
	return taken;
}

/* ---- URLs ---- */

bool source_is_due(const struct source *s, int64_t now_us)
{
	return s->entry->jwks_url.p != NULL && s->fetch == NULL && (s->busy || now_us >= s->next_us);
}

static void failed(struct source *s, const char *why, int64_t now_us)
{
	int64_t wait_s = s->failures < 6 ? INT64_C(1) << s->failures : BACKOFF_MAX_S;
	s->failures++;
	s->next_us = now_us + wait_s * 1000000;
	complain(s, why);
}

void source_begin(struct source *s, CURLM *multi, int64_t now_us)
{
	s->asked_us = now_us;
	s->fetch = fetch_start(multi, s->entry->jwks_url, s->entry->ca_file);
	s->busy = s->fetch != NULL;
	if (s->fetch == NULL)
		failed(s, "out of memory", now_us);
}

bool source_end(struct source *s, uint64_t version, int64_t now_us)
{
	struct str body = fetch_body(s->fetch);
	long age = fetch_max_age(s->fetch, AGE_DEFAULT_S);
	bool taken = body.p != NULL && take_set(s, body, version);
	if (body.p == NULL || s->complained) {
		failed(s, fetch_why(s->fetch), now_us);
	} else {
		age = age < AGE_MIN_S ? AGE_MIN_S : age > AGE_MAX_S ? AGE_MAX_S : age;
		s->failures = 0;
		s->next_us = now_us + age * INT64_C(1000000);
	}
	fetch_free(s->fetch);
	s->fetch = NULL;
	return taken;
}
