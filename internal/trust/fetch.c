#include "trust/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REDIRECTS_MAX      3
#define CONNECT_TIMEOUT_MS 3000

struct fetch {
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	char *body;
	size_t n;
	unsigned redirects;
	bool too_large;
	bool good;
	char why[CURL_ERROR_SIZE + 64];
	char error[CURL_ERROR_SIZE]; /* libcurl's words */
};

static size_t take_body(char *bytes, size_t one, size_t n, void *arg)
{
	struct fetch *f = arg;
	if (n > FETCH_BODY_MAX - f->n) {
		f->too_large = true;
		return one * n + 1; /* anything but n ends the transfer */
	}
	memcpy(f->body + f->n, bytes, n);
	f->n += n;
	return n;
}

static bool set_options(struct fetch *f, const char *url, const char *ca_file)
{
	CURL *e = f->easy;
	bool good = curl_easy_setopt(e, CURLOPT_URL, url) == CURLE_OK;
	good = good && curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK;
	good = good && curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
	good = good && (ca_file == NULL || (curl_easy_setopt(e, CURLOPT_CAINFO, ca_file) == CURLE_OK &&
					    curl_easy_setopt(e, CURLOPT_CAPATH, NULL) == CURLE_OK));
	good = good && curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)FETCH_TIMEOUT_MS) == CURLE_OK;
	good = good && curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS) == CURLE_OK;
	/* fetch_ended does, with our rules */
	good = good && curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
	good = good && curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
	/* giving up doesn't wait for a resolver */
	good = good && curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
	good = good && curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK;
	good = good && curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK;
	good = good && curl_easy_setopt(e, CURLOPT_USERAGENT, "m2m-gateway/" M2M_VERSION) == CURLE_OK;
	good = good && curl_easy_setopt(e, CURLOPT_HTTPHEADER, f->headers) == CURLE_OK;
	good = good && curl_easy_setopt(e, CURLOPT_ERRORBUFFER, f->error) == CURLE_OK;
	good = good && curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK;
	good = good && curl_easy_setopt(e, CURLOPT_WRITEDATA, f) == CURLE_OK;
	return good && curl_easy_setopt(e, CURLOPT_PRIVATE, f) == CURLE_OK;
}

static bool add_header(struct fetch *f, const char *line)
{
	struct curl_slist *more = line == NULL ? NULL : curl_slist_append(f->headers, line);
	if (more != NULL)
		f->headers = more;
	return more != NULL;
}

/* RFC 6750 section 2.1. Redirects lead nowhere else (follow), and a proxy's CONNECT is sent
 * without (CURLHEADER_SEPARATE, libcurl's default). */
static bool add_bearer(struct fetch *f, struct str bearer)
{
	char *line = NULL;
	if (bearer.p == NULL)
		return true;
	if (asprintf(&line, "Authorization: Bearer %.*s", STR_ARG(bearer)) < 0)
		return false;
	bool added = add_header(f, line);
	explicit_bzero(line, strlen(line));
	free(line);
	return added;
}

struct fetch *fetch_start(CURLM *multi, struct str url, struct str ca_file, struct str bearer)
{
	struct fetch *f = calloc(1, sizeof *f);
	char *url_text = strndup(url.p, url.n);
	char *ca_text = ca_file.p == NULL ? NULL : strndup(ca_file.p, ca_file.n);
	bool good = f != NULL && url_text != NULL && (ca_text != NULL) == (ca_file.p != NULL);
	good = good && (f->body = malloc(FETCH_BODY_MAX)) != NULL && (f->easy = curl_easy_init()) != NULL;
	good = good && add_header(f, "Accept: application/jwk-set+json, application/json") && add_bearer(f, bearer);
	good = good && set_options(f, url_text, ca_text) && curl_multi_add_handle(multi, f->easy) == CURLM_OK;
	if (good)
		f->multi = multi;
	free(url_text);
	free(ca_text);
	if (good)
		return f;
	fetch_free(f);
	return NULL;
}

void fetch_free(struct fetch *f)
{
	if (f == NULL)
		return;
	if (f->multi != NULL)
		curl_multi_remove_handle(f->multi, f->easy);
	curl_easy_cleanup(f->easy);
	curl_slist_free_all(f->headers);
	free(f->body);
	free(f);
}

struct fetch *fetch_of(CURL *easy)
{
	char *f = NULL;
	return curl_easy_getinfo(easy, CURLINFO_PRIVATE, &f) == CURLE_OK ? (struct fetch *)(void *)f : NULL;
}

/* ---- redirects ---- */

static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
	char *one = NULL;
	char *other = NULL;
	bool same = curl_url_get(a, part, &one, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		    curl_url_get(b, part, &other, CURLU_DEFAULT_PORT) == CURLUE_OK && strcasecmp(one, other) == 0;
	curl_free(one);
	curl_free(other);
	return same;
}

static bool same_place(const char *from, const char *to)
{
	CURLU *a = curl_url();
	CURLU *b = curl_url();
	bool same = a != NULL && b != NULL && curl_url_set(a, CURLUPART_URL, from, 0) == CURLUE_OK &&
		    curl_url_set(b, CURLUPART_URL, to, 0) == CURLUE_OK && same_part(a, b, CURLUPART_SCHEME) &&
		    same_part(a, b, CURLUPART_HOST) && same_part(a, b, CURLUPART_PORT);
	curl_url_cleanup(a);
	curl_url_cleanup(b);
	return same;
}

bool fetch_is_at(const struct fetch *f, const char *url)
{
	const char *from = NULL;
	return curl_easy_getinfo(f->easy, CURLINFO_EFFECTIVE_URL, &from) == CURLE_OK && same_place(from, url);
}

static bool follow(struct fetch *f, const char *to)
{
	const char *from = NULL;
	if (curl_easy_getinfo(f->easy, CURLINFO_EFFECTIVE_URL, &from) != CURLE_OK || !same_place(from, to)) {
		snprintf(f->why, sizeof f->why, "a redirect to another host, port or scheme was not followed");
		return false;
	}
	if (f->redirects++ == REDIRECTS_MAX) {
		snprintf(f->why, sizeof f->why, "more than %d redirects", REDIRECTS_MAX);
		return false;
	}
	char *copy = strdup(to); /* libcurl's own memory, which setting the URL may free */
	bool set = copy != NULL && curl_easy_setopt(f->easy, CURLOPT_URL, copy) == CURLE_OK;
	free(copy);
	f->n = 0;
	curl_multi_remove_handle(f->multi, f->easy);
	if (set && curl_multi_add_handle(f->multi, f->easy) == CURLM_OK)
		return true;
	snprintf(f->why, sizeof f->why, "out of memory");
	return false;
}

/* ---- the end ---- */

bool fetch_ended(struct fetch *f, CURLcode result)
{
	long status = 0;
	const char *to = NULL;
	if (f->too_large) {
		snprintf(f->why, sizeof f->why, "the answer is larger than %d bytes", FETCH_BODY_MAX);
		return true;
	}
	if (result != CURLE_OK) {
		/* what libcurl quotes may be a proxy's URL with its password */
		bool shown = f->error[0] != '\0' && strchr(f->error, '@') == NULL;
		snprintf(f->why, sizeof f->why, "%s", shown ? f->error : curl_easy_strerror(result));
		return true;
	}
	curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(f->easy, CURLINFO_REDIRECT_URL, &to);
	if (status >= 300 && status < 400 && to != NULL)
		return !follow(f, to);
	f->good = status == 200;
	if (!f->good)
		snprintf(f->why, sizeof f->why, "HTTP status %ld", status);
	return true;
}

struct str fetch_body(const struct fetch *f)
{
	return f->good ? str_from(f->body, f->n) : STR_NONE;
}

const char *fetch_why(const struct fetch *f)
{
	return f->why;
}

static bool read_directive(struct str directive, long *max_age)
{
	int64_t seconds = 0;
	struct str value = str_trim(directive);
	struct str name = str_trim(str_split(&value, '='));
	if (str_eq_nocase(name, STR("no-store")) || str_eq_nocase(name, STR("no-cache"))) {
		*max_age = 0;
		return true;
	}
	if (!str_eq_nocase(name, STR("max-age")) || str_to_i64(str_trim(value), 0, INT32_MAX, &seconds) != ERR_OK)
		return false;
	*max_age = (long)seconds;
	return true;
}

long fetch_max_age(const struct fetch *f, long otherwise)
{
	struct curl_header *h = NULL;
	long least = -1;
	int64_t age = 0;
	for (size_t i = 0; curl_easy_header(f->easy, "Cache-Control", i, CURLH_HEADER, -1, &h) == CURLHE_OK; i++) {
		struct str rest = str_of(h->value);
		long seconds = 0;
		for (struct str one; (one = str_split(&rest, ',')).p != NULL;)
			if (read_directive(one, &seconds) && (least < 0 || seconds < least))
				least = seconds;
	}
	if (least < 0)
		return otherwise;
	if (curl_easy_header(f->easy, "Age", 0, CURLH_HEADER, -1, &h) == CURLHE_OK)
		(void)!str_to_i64(str_trim(str_of(h->value)), 0, INT32_MAX, &age);
	return age < least ? least - (long)age : 0;
}
