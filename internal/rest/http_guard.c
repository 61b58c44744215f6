/* One state per syntactic element of RFC 9112, one byte at a time; bodies in runs. */
#include "rest/http_guard.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

#define METHOD_MAX        32
#define LENGTH_DIGITS_MAX 12

void http_guard_init(struct http_guard *g)
{
	memset(g, 0, sizeof *g);
}

/* RFC 9110 section 5.6.2 */
static bool is_token_char(unsigned char c)
{
	static const bool others[256] = {
		['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true, ['\''] = true, ['*'] = true, ['+'] = true,
		['-'] = true, ['.'] = true, ['^'] = true, ['_'] = true, ['`'] = true, ['|'] = true,  ['~'] = true};
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || others[c];
}

/* RFC 9110 section 5.5 */
static bool is_value_char(unsigned char c)
{
	return (c >= 0x20 && c != 0x7f) || c == '\t';
}

static bool is_target_char(unsigned char c)
{
	return c > 0x20 && c < 0x7f && c != '#';
}

static enum err start_header(struct http_guard *g)
{
	if (++g->headers > HTTP_HEADERS_MAX)
		return ERR_HEADERS_TOO_LARGE;
	g->header_start = g->seen - 1;
	g->line = 0;
	g->value_n = 0;
	g->tabbed = false;
	g->state = GUARD_HEADER_NAME;
	return ERR_OK;
}

static void add_name(struct http_guard *g, unsigned char c)
{
	if (g->line < sizeof g->name)
		g->name[g->line] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	g->line++;
}

static void add_value(struct http_guard *g, unsigned char c)
{
	if (g->value_n == 0 && (c == ' ' || c == '\t')) {
		g->tabbed |= c == '\t';
		return;
	}
	if (g->value_n < sizeof g->value - 1)
		g->value[g->value_n] = (char)c;
	g->value_n++;
}

static bool name_is(const struct http_guard *g, struct str name)
{
	return str_eq(name, str_from(g->name, g->line <= sizeof g->name ? g->line : 0));
}

/* Of others only the name is looked at, if that. */
static bool value_matters(const struct http_guard *g)
{
	return name_is(g, STR("content-length")) || name_is(g, STR("transfer-encoding")) || name_is(g, STR("expect"));
}

static enum err take_length(struct http_guard *g)
{
	if (g->has_length || g->value_n == 0 || g->value_n > LENGTH_DIGITS_MAX)
		return g->value_n > LENGTH_DIGITS_MAX && !g->has_length ? ERR_BODY_TOO_LARGE : ERR_INVALID_REQUEST;
	uint64_t length = 0;
	for (size_t i = 0; i < g->value_n; i++) {
		if (g->value[i] < '0' || g->value[i] > '9')
			return ERR_INVALID_REQUEST;
		length = length * 10 + (uint64_t)(g->value[i] - '0');
	}
	g->has_length = true;
	g->content_length = length;
	return ERR_OK;
}

static void end_value(struct http_guard *g)
{
	while (g->value_n > 0 && g->value_n < sizeof g->value && (g->value[g->value_n - 1] == ' ' || g->value[g->value_n - 1] == '\t'))
		g->value_n--;
	g->value[g->value_n < sizeof g->value ? g->value_n : sizeof g->value - 1] = '\0';
}

/* The header line is complete: the few that say how long the request is, or where it goes, may
 * stand once and in one form only. */
static enum err end_header(struct http_guard *g)
{
	if (g->value_matters)
		end_value(g);
	if (name_is(g, STR("content-length")))
		return take_length(g);
	if (name_is(g, STR("transfer-encoding"))) {
		/* evhttp skips spaces alone before a value, and would see no body behind a tab */
		if (g->has_chunked || g->tabbed || strcasecmp(g->value, "chunked") != 0)
			return ERR_INVALID_REQUEST;
		g->has_chunked = true;
	} else if (name_is(g, STR("host"))) {
		if (g->has_host)
			return ERR_INVALID_REQUEST;
		g->has_host = true;
	} else if (name_is(g, STR("connection"))) {
		g->has_connection = true;
	} else if (name_is(g, STR("expect"))) {
		if (g->expects || strcasecmp(g->value, "100-continue") != 0)
			return ERR_EXPECTATION_FAILED;
		g->expects = true;
		g->expect_start = g->header_start;
		g->expect_end = g->seen;
	}
	return ERR_OK;
}

/* evhttp reads no body of any other method, and would take what stands there for the next
 * request. */
static bool method_may_have_content(const struct http_guard *g)
{
	static const char *const methods[] = {"GET", "POST", "PUT", "PATCH"};
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (strcmp(g->method, methods[i]) == 0)
			return true;
	return false;
}

static enum err end_head(struct http_guard *g, bool *ret_complete)
{
	if ((g->has_chunked && (g->has_length || g->http_1_0)) || (!g->has_host && !g->http_1_0))
		return ERR_INVALID_REQUEST;
	if ((g->has_chunked || g->content_length > 0) && !method_may_have_content(g))
		return ERR_INVALID_REQUEST;
	if (g->has_chunked) {
		g->state = GUARD_CHUNK_SIZE;
		g->line = 0;
		return ERR_OK;
	}
	if (g->content_length > HTTP_BODY_MAX) {
		if (g->expects || g->content_length > HTTP_SWALLOW_MAX)
			return ERR_BODY_TOO_LARGE;
		g->swallow = ERR_BODY_TOO_LARGE;
	}
	g->remaining = (size_t)g->content_length;
	g->state = GUARD_BODY;
	*ret_complete = g->remaining == 0;
	return ERR_OK;
}

static enum err version_char(struct http_guard *g, unsigned char c)
{
	static const char expected[] = "HTTP/1.";
	if (c == '\r') {
		if (g->line != sizeof expected)
			return ERR_INVALID_REQUEST;
		g->state = GUARD_LINE_LF;
		return ERR_OK;
	}
	if (g->line < 5 && c != (unsigned char)expected[g->line])
		return ERR_INVALID_REQUEST;
	if (g->line >= 5 && g->line < sizeof expected - 1 && c != (unsigned char)expected[g->line])
		return ERR_VERSION_NOT_SUPPORTED;
	if (g->line == sizeof expected - 1) {
		if (c != '0' && c != '1')
			return ERR_VERSION_NOT_SUPPORTED;
		g->http_1_0 = c == '0';
	}
	return ++g->line > sizeof expected ? ERR_INVALID_REQUEST : ERR_OK;
}

static enum err chunk_size_char(struct http_guard *g, unsigned char c)
{
	int digit = hex_digit((char)c);
	if (c == '\r' && g->line > 0) {
		g->state = GUARD_CHUNK_SIZE_LF;
		return ERR_OK;
	}
	/* extensions are refused: evhttp can't read them */
	if (digit < 0 || g->line >= 8)
		return ERR_INVALID_REQUEST;
	g->remaining = g->line == 0 ? (size_t)digit : g->remaining * 16 + (size_t)digit;
	g->line++;
	return g->body + g->remaining > HTTP_BODY_MAX ? ERR_BODY_TOO_LARGE : ERR_OK;
}

static enum err expect_char(struct http_guard *g, unsigned char c, char expected, enum guard_state next)
{
	if (c != (unsigned char)expected)
		return ERR_INVALID_REQUEST;
	g->state = next;
	g->line = 0;
	return ERR_OK;
}

/* RFC 3986 section 3.2.2 with a port; no user, which RFC 9110 section 4.2.4 tells servers to
 * refuse. */
static bool is_authority_char(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c != '\0' && strchr("-._~:[]", c) != NULL);
}

/* http:// or https://, an authority, and the path's slash (RFC 9112 section 3.2.2). `line` counts
 * the bytes; behind them the target begins again, with its path. */
static enum err authority_char(struct http_guard *g, unsigned char c)
{
	static const char scheme[] = "https://";
	size_t at = g->line++;
	if (at == 4 && c == ':')
		at = g->line++; /* the s that isn't there */
	if (at < sizeof scheme - 1)
		return tolower(c) == scheme[at] ? ERR_OK : ERR_INVALID_REQUEST;
	bool named = at > sizeof scheme - 1;
	if (c == '/' && named) {
		g->origin_end = g->seen - 1;
		g->line = 1;
		g->state = GUARD_TARGET;
		return ERR_OK;
	}
	if ((c == ' ' || c == '?') && named)
		return ERR_NOT_FOUND; /* nothing is at an empty path */
	return !is_authority_char(c) ? ERR_INVALID_REQUEST : g->line > HTTP_TARGET_MAX ? ERR_URI_TOO_LONG : ERR_OK;
}

static enum err target_char(struct http_guard *g, unsigned char c)
{
	if (c == ' ' && g->line > 0)
		return expect_char(g, c, ' ', GUARD_VERSION);
	if (g->line == 0 && (c == 'h' || c == 'H')) {
		g->origin_start = g->seen - 1;
		g->state = GUARD_AUTHORITY;
		return authority_char(g, c);
	}
	if (!is_target_char(c) || (g->line == 0 && c != '/'))
		return ERR_INVALID_REQUEST;
	/* RFC 9112 section 3.2.1: an empty segment, where nothing is. evhttp would take what
	 * follows for an authority, and route by the rest. */
	if (g->line == 1 && c == '/')
		return ERR_NOT_FOUND;
	return ++g->line <= HTTP_TARGET_MAX ? ERR_OK : ERR_URI_TOO_LONG;
}

static enum err head_char(struct http_guard *g, unsigned char c, bool *ret_complete)
{
	switch (g->state) {
	case GUARD_METHOD:
		/* CONNECT asks for a tunnel, and evhttp frames no reply to it (RFC 9110 section
		 * 9.3.6) */
		if (c == ' ' && g->line > 0)
			return strcmp(g->method, "CONNECT") == 0 ? ERR_INVALID_REQUEST : expect_char(g, c, ' ', GUARD_TARGET);
		if (g->line < sizeof g->method - 1)
			g->method[g->line] = (char)c;
		return is_token_char(c) && ++g->line <= METHOD_MAX ? ERR_OK : ERR_INVALID_REQUEST;
	case GUARD_TARGET:
		return target_char(g, c);
	case GUARD_AUTHORITY:
		return authority_char(g, c);
	case GUARD_VERSION:
		return version_char(g, c);
	case GUARD_LINE_LF:
		/* evhttp can't read a line shorter than its shortest; nothing is at a path that
		 * short */
		if (c == '\n' && g->seen - (g->origin_end - g->origin_start) < sizeof "GET / HTTP/1.1\r\n" - 1)
			return ERR_NOT_FOUND;
		return expect_char(g, c, '\n', GUARD_HEADER_START);
	case GUARD_HEADER_START:
		if (c == '\r')
			return expect_char(g, c, '\r', GUARD_HEAD_LF);
		if (!is_token_char(c))
			return ERR_INVALID_REQUEST; /* a folded line too (RFC 9112 section 5.2) */
		enum err err = start_header(g);
		add_name(g, c);
		return err;
	case GUARD_HEADER_NAME:
		if (c == ':') {
			g->state = GUARD_HEADER_VALUE;
			g->value_matters = value_matters(g);
			return ERR_OK;
		}
		if (!is_token_char(c))
			return ERR_INVALID_REQUEST;
		add_name(g, c);
		return ERR_OK;
	case GUARD_HEADER_VALUE:
		if (c == '\r') {
			g->state = GUARD_HEADER_LF;
			return ERR_OK;
		}
		if (!is_value_char(c))
			return ERR_INVALID_REQUEST;
		add_value(g, c);
		return ERR_OK;
	case GUARD_HEADER_LF:
		if (c != '\n')
			return ERR_INVALID_REQUEST;
		g->state = GUARD_HEADER_START;
		return end_header(g);
	case GUARD_HEAD_LF:
		return c == '\n' ? end_head(g, ret_complete) : ERR_INVALID_REQUEST;
	default:
		return ERR_INTERNAL;
	}
}

static enum err chunk_char(struct http_guard *g, unsigned char c, bool *ret_complete)
{
	switch (g->state) {
	case GUARD_CHUNK_SIZE:
		return chunk_size_char(g, c);
	case GUARD_CHUNK_SIZE_LF:
		return expect_char(g, c, '\n', g->remaining > 0 ? GUARD_CHUNK_DATA : GUARD_LAST_CR);
	case GUARD_CHUNK_CR:
		return expect_char(g, c, '\r', GUARD_CHUNK_LF);
	case GUARD_CHUNK_LF:
		return expect_char(g, c, '\n', GUARD_CHUNK_SIZE);
	case GUARD_LAST_CR: /* trailers are refused */
		return expect_char(g, c, '\r', GUARD_LAST_LF);
	case GUARD_LAST_LF:
		*ret_complete = c == '\n';
		return c == '\n' ? ERR_OK : ERR_INVALID_REQUEST;
	default:
		return ERR_INTERNAL;
	}
}

static size_t take_run(struct http_guard *g, size_t available, bool *ret_complete)
{
	size_t run = available < g->remaining ? available : g->remaining;
	g->remaining -= run;
	g->body += run;
	g->seen += run;
	if (g->remaining == 0) {
		if (g->state == GUARD_BODY)
			*ret_complete = true;
		else
			g->state = GUARD_CHUNK_CR;
	}
	return run;
}

/* Most bytes of a head stand in values that don't matter here, in names, and in the target: they
 * are taken a run at a time. What ends a run, and what isn't allowed in it, is head_char's. */
static size_t take_head_run(struct http_guard *g, const char *p, size_t n)
{
	size_t run = 0;
	size_t left = HTTP_HEAD_MAX - g->seen;
	if (n > left)
		n = left;
	if (g->state == GUARD_HEADER_VALUE && (g->value_n >= sizeof g->value || !g->value_matters)) {
		while (run < n && is_value_char((unsigned char)p[run]))
			run++;
		g->value_n += run;
	} else if (g->state == GUARD_HEADER_NAME) {
		while (run < n && is_token_char((unsigned char)p[run]))
			add_name(g, (unsigned char)p[run++]);
	} else if (g->state == GUARD_TARGET && g->line > 1) {
		if (n > HTTP_TARGET_MAX - g->line)
			n = HTTP_TARGET_MAX - g->line;
		while (run < n && is_target_char((unsigned char)p[run]))
			run++;
		g->line += run;
	}
	g->seen += run;
	return run;
}

enum guard_verdict http_guard_feed(struct http_guard *g, const char *p, size_t n, size_t *ret_taken, enum err *ret_why)
{
	size_t i = 0;
	bool complete = false;
	enum err err = ERR_OK;
	while (i < n && !complete && err == ERR_OK) {
		if (g->state == GUARD_BODY || g->state == GUARD_CHUNK_DATA) {
			i += take_run(g, n - i, &complete);
			continue;
		}
		if (g->state < GUARD_BODY && g->seen < HTTP_HEAD_MAX)
			i += take_head_run(g, p + i, n - i);
		if (i == n)
			break;
		unsigned char c = (unsigned char)p[i++];
		g->seen++;
		if (g->state < GUARD_BODY) {
			err = head_char(g, c, &complete);
			if (err == ERR_OK && g->seen > HTTP_HEAD_MAX)
				err = ERR_HEADERS_TOO_LARGE;
		} else {
			err = chunk_char(g, c, &complete);
		}
	}
	*ret_taken = i;
	if (complete && err == ERR_OK)
		err = g->swallow;
	if (err != ERR_OK) {
		*ret_why = err;
		return GUARD_REFUSED;
	}
	return complete ? GUARD_COMPLETE : GUARD_MORE;
}

bool http_guard_awaits_continue(const struct http_guard *g)
{
	/* HTTP/1.0 knows no interim responses (RFC 9110 section 10.1.1) */
	return g->expects && !g->continued && !g->http_1_0 && g->body == 0 &&
	       ((g->state == GUARD_BODY && g->remaining > 0) || (g->state == GUARD_CHUNK_SIZE && g->line == 0));
}

void http_guard_note_continued(struct http_guard *g)
{
	g->continued = true;
}
