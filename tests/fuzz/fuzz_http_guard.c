/* Whatever bytes come and however they are cut: the guard gives one verdict per request and the
 * same ends, reads nothing beyond a piece, and lets nothing through that it promises to refuse;
 * and rest_message_read finds in what it lets through what stands there. The first byte of the
 * input says how long the pieces are. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rest/http_guard.h"
#include "rest/rest_message.h"

#define REQUESTS_MAX 64

static void must(bool holds)
{
	if (!holds)
		abort();
}

struct story {
	size_t ends[REQUESTS_MAX];
	size_t n;
	enum guard_verdict last;
	enum err why;
};

/* What a head must not hold once it was let through. */
static void check_request(const char *p, size_t n, const struct http_guard *g)
{
	const char *head_end = memmem(p, n, "\r\n\r\n", 4);
	must(head_end != NULL && head_end + 4 - p <= HTTP_HEAD_MAX);
	for (const char *c = p; c < head_end; c++) {
		must(*c != '\0');
		must((*c == '\n') == (c > p && c[-1] == '\r'));
		must(*c != '\n' || (c[1] != ' ' && c[1] != '\t'));
	}
	must(!(g->has_length && g->has_chunked));
	must(g->body <= HTTP_BODY_MAX && g->headers <= HTTP_HEADERS_MAX);
	must(g->has_chunked || (size_t)(p + n - (head_end + 4)) == g->content_length);
	static const struct proxies proxies;
	static const struct remote remote;
	struct rest_message m;
	struct forwarded caller;
	forwarded_begin(&caller, &proxies, &remote);
	if (!g->has_chunked && rest_message_read(str_from(p, n), &caller, &m)) {
		must(m.path.n > 0 && m.path.p[0] == '/' && memchr(m.path.p, '%', m.path.n) == NULL && m.query == NULL);
		must(m.body.p == head_end + 4 && m.body.n == n - (size_t)(m.body.p - p));
		for (int h = 0; h < REST_HEADERS; h++)
			must((m.headers[h].count == 0) == (m.headers[h].value.p == NULL) && m.headers[h].count <= HTTP_HEADERS_MAX);
	}
	must(g->origin_end == 0 || (g->origin_end < n && p[g->origin_end] == '/' && p[g->origin_start - 1] == ' '));
	must(!g->expects || (g->expect_end <= n && p[g->expect_end - 1] == '\n' && p[g->expect_start - 1] == '\n'));
}

static struct story tell(const char *p, size_t size, size_t piece)
{
	struct story s = {.last = GUARD_MORE};
	struct http_guard g;
	size_t at = 0;
	size_t start = 0;

	http_guard_init(&g);
	while (at < size && s.last != GUARD_REFUSED && s.n < REQUESTS_MAX) {
		size_t n = piece < size - at ? piece : size - at;
		size_t taken = SIZE_MAX;
		char *copy = malloc(n);
		must(copy != NULL);
		memcpy(copy, p + at, n);
		s.last = http_guard_feed(&g, copy, n, &taken, &s.why);
		free(copy);
		must(taken >= 1 && taken <= n);
		must(s.last != GUARD_MORE || taken == n);
		at += taken;
		if (s.last == GUARD_MORE)
			continue;
		if (s.last == GUARD_COMPLETE)
			check_request(p + start, at - start, &g);
		s.ends[s.n++] = at;
		start = at;
		http_guard_init(&g);
	}
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const char *p = (const char *)data + 1;
	struct story whole = tell(p, size - 1, size);
	struct story cut = tell(p, size - 1, 1 + (size_t)data[0]);

	must(whole.n == cut.n && whole.last == cut.last && whole.why == cut.why);
	must(memcmp(whole.ends, cut.ends, whole.n * sizeof whole.ends[0]) == 0);
	return 0;
}
