/* Every verdict is asked for many times: the request in one piece, in two pieces cut at each
 * position, and byte by byte. The answer and the end must not depend on how the network happened
 * to cut. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/str.h"
#include "rest/http_guard.h"

#define HOST     "Host: api.example\r\n"
#define TEXT_MAX (2 * 1024 * 1024)

struct outcome {
	enum guard_verdict verdict;
	enum err why;
	size_t taken;
};

/* Pieces: the bytes before `cut`, then `step` at a time. */
static struct outcome feed(struct str text, size_t cut, size_t step)
{
	struct http_guard g;
	struct outcome o = {.verdict = GUARD_MORE};
	http_guard_init(&g);
	for (size_t n = cut; o.verdict == GUARD_MORE && o.taken < text.n; n = step) {
		size_t left = text.n - o.taken;
		size_t taken = 0;
		n = n < left ? n : left;
		/* a copy of its own size, so that a sanitizer sees a byte read behind the piece */
		char *piece = malloc(n + 1);
		memcpy(piece, text.p + o.taken, n);
		o.verdict = http_guard_feed(&g, piece, n, &taken, &o.why);
		free(piece);
		cr_assert(taken <= n);
		cr_assert(o.verdict != GUARD_MORE || taken == n);
		o.taken += taken;
	}
	return o;
}

static struct outcome outcome_of(struct str text)
{
	struct outcome whole = feed(text, text.n, text.n);
	size_t stride = 1 + text.n / 512;
	for (size_t cut = 0; cut <= text.n; cut += stride) {
		struct outcome o = feed(text, cut, text.n);
		cr_assert(o.verdict == whole.verdict && o.why == whole.why && o.taken == whole.taken, "cut at %zu of '%.*s'", cut,
			  STR_ARG(text));
	}
	struct outcome slow = feed(text, 1, 1);
	cr_assert(slow.verdict == whole.verdict && slow.why == whole.why && slow.taken == whole.taken, "byte by byte: '%.*s'",
		  STR_ARG(text));
	return whole;
}

static void complete(struct str text)
{
	struct outcome o = outcome_of(text);
	cr_assert_eq(o.verdict, GUARD_COMPLETE, "verdict %d, %s: '%.*s'", o.verdict, err_info(o.why)->code, STR_ARG(text));
	cr_assert_eq(o.taken, text.n, "ends after %zu of %zu: '%.*s'", o.taken, text.n, STR_ARG(text));
}

static void more(struct str text)
{
	struct outcome o = outcome_of(text);
	cr_assert_eq(o.verdict, GUARD_MORE, "verdict %d, %s: '%.*s'", o.verdict, err_info(o.why)->code, STR_ARG(text));
}

static void refused(struct str text, enum err why)
{
	struct outcome o = outcome_of(text);
	cr_assert_eq(o.verdict, GUARD_REFUSED, "verdict %d: '%.*s'", o.verdict, STR_ARG(text));
	cr_assert_eq(o.why, why, "%s: '%.*s'", err_info(o.why)->code, STR_ARG(text));
}

static void malformed(struct str text)
{
	refused(text, ERR_INVALID_REQUEST);
}

/* before, n times `c`, after. */
static struct str padded(const char *before, size_t n, char c, const char *after)
{
	static char text[TEXT_MAX];
	size_t head = strlen(before);
	size_t tail = strlen(after);
	cr_assert(head + n + tail <= sizeof text);
	memcpy(text, before, head);
	memset(text + head, c, n);
	memcpy(text + head + n, after, tail);
	return str_from(text, head + n + tail);
}

/* ---- what is taken ---- */

Test(http_guard, takes_what_stock_clients_send)
{
	complete(STR("GET /m2m/client-id HTTP/1.1\r\n" HOST "\r\n"));
	complete(STR("GET / HTTP/1.0\r\n\r\n"));
	complete(STR("GET /a?b=%20c HTTP/1.1\r\nhost:x\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\nX-Empty:\r\n\r\n"));
	complete(STR("POST /oauth2/token HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\na=b&c"));
	complete(STR("POST /oauth2/token HTTP/1.1\r\n" HOST "content-length: \t 5 \t \r\n\r\n\r\n\r\n\0"));
	complete(STR("POST /m2m/rotate HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n"));
	complete(STR("FROB /m2m/rotate HTTP/1.1\r\n" HOST "X: \x80\xff caf\xc3\xa9\r\n\r\n"));
}

/* evhttp would take the segment behind the slashes for an authority. */
Test(http_guard, finds_nothing_behind_an_empty_first_segment)
{
	refused(STR("GET // HTTP/1.1\r\n" HOST "\r\n"), ERR_NOT_FOUND);
	refused(STR("GET //x/admin/organizations HTTP/1.1\r\n" HOST "\r\n"), ERR_NOT_FOUND);
	refused(STR("GET http://h//x/admin/organizations HTTP/1.1\r\n" HOST "\r\n"), ERR_NOT_FOUND);
	complete(STR("GET /x//admin HTTP/1.1\r\n" HOST "\r\n"));
	complete(STR("GET /?//x HTTP/1.1\r\n" HOST "\r\n"));
}

Test(http_guard, takes_chunks)
{
#define CHUNKED "POST /t HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
	complete(STR(CHUNKED "0\r\n\r\n"));
	complete(STR(CHUNKED "5\r\nhello\r\n0\r\n\r\n"));
	complete(STR(CHUNKED "00000002\r\n\r\n\r\nA\r\n0123456789\r\na\r\n0123456789\r\n00\r\n\r\n"));
	complete(STR("POST /t HTTP/1.1\r\n" HOST "transfer-ENCODING:Chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"));
	complete(padded(CHUNKED "4000\r\n", 0x4000, 'x', "\r\n0\r\n\r\n"));
}

Test(http_guard, waits_for_the_rest)
{
	static const char request[] = "POST /t HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc";
	static const char chunked[] = CHUNKED "3\r\nabc\r\n0\r\n\r\n";
	for (size_t n = 1; n < sizeof request - 1; n++)
		more(str_from(request, n));
	for (size_t n = 1; n < sizeof chunked - 1; n++)
		more(str_from(chunked, n));
}

/* What a pipelining client sends, in pieces cut at `cut`: as rest_conn.c does, a fresh guard
 * begins where a request ended. */
static size_t count_requests(struct str text, size_t cut, size_t ends[], size_t max)
{
	struct http_guard g;
	size_t count = 0;
	size_t at = 0;
	http_guard_init(&g);
	while (at < text.n) {
		size_t n = (at < cut ? cut : text.n) - at;
		size_t taken = 0;
		enum err why = ERR_OK;
		enum guard_verdict verdict = http_guard_feed(&g, text.p + at, n, &taken, &why);
		cr_assert_neq(verdict, GUARD_REFUSED, "%s at %zu", err_info(why)->code, at + taken);
		at += taken;
		if (verdict == GUARD_COMPLETE) {
			cr_assert_lt(count, max);
			ends[count++] = at;
			http_guard_init(&g);
		}
	}
	return count;
}

Test(http_guard, finds_the_end_of_each_pipelined_request)
{
#define FIRST  "POST /a HTTP/1.1\r\n" HOST "Content-Length: 16\r\n\r\nGET / HTTP/1.1\r\n"
#define SECOND "GET /b HTTP/1.0\r\n\r\n"
#define THIRD  CHUNKED "4\r\n0\r\n\r\r\n0\r\n\r\n"
	const struct str text = STR(FIRST SECOND THIRD SECOND);
	const size_t want[] = {sizeof FIRST - 1, sizeof FIRST SECOND - 1, sizeof FIRST SECOND THIRD - 1, text.n};
	for (size_t cut = 0; cut <= text.n; cut++) {
		size_t ends[4];
		cr_assert_eq(count_requests(text, cut, ends, 4), 4, "cut at %zu", cut);
		cr_assert_arr_eq(ends, want, sizeof want);
	}
}

/* ---- request line ---- */

Test(http_guard, refuses_a_malformed_request_line)
{
	malformed(STR("\r\nGET / HTTP/1.1\r\n" HOST "\r\n"));
	malformed(STR(" GET / HTTP/1.1\r\n" HOST "\r\n"));
	malformed(STR("GET\t/ HTTP/1.1\r\n" HOST "\r\n"));
	malformed(STR("GET  / HTTP/1.1\r\n" HOST "\r\n"));
	malformed(STR("GET /  HTTP/1.1\r\n" HOST "\r\n"));
	malformed(STR("GET / HTTP/1.1 \r\n" HOST "\r\n"));
	malformed(STR("GET / HTTP/1.1\n" HOST "\r\n"));
	malformed(STR("GET / HTTP/1.1\r" HOST "\r\n"));
	malformed(STR("GET /\r\n" HOST "\r\n"));
	malformed(STR("G\0T / HTTP/1.1\r\n" HOST "\r\n"));
	malformed(STR("G(T / HTTP/1.1\r\n" HOST "\r\n"));
	malformed(padded("", 33, 'G', " / HTTP/1.1\r\n" HOST "\r\n"));
	malformed(STR("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"));
}

Test(http_guard, takes_targets_in_absolute_form)
{
	complete(STR("GET http://api.example/m2m/client-id HTTP/1.1\r\n" HOST "\r\n"));
	complete(STR("GET HTTPS://a:8443/?x=http://b HTTP/1.1\r\n" HOST "\r\n"));
	complete(STR("POST http://[2001:db8::1]:80/a HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nxy"));
	malformed(STR("GET http://user@api.example/ HTTP/1.1\r\n" HOST "\r\n"));
	malformed(STR("GET http:///a HTTP/1.1\r\n" HOST "\r\n"));
	malformed(STR("GET httpx://a/ HTTP/1.1\r\n" HOST "\r\n"));
	malformed(STR("GET http:/a/ HTTP/1.1\r\n" HOST "\r\n"));
	malformed(STR("GET http://a\\b/ HTTP/1.1\r\n" HOST "\r\n"));
	malformed(STR("GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n"));
	malformed(STR("GET http://api.example/ HTTP/1.1\r\n\r\n")); /* Host has to be there all the same */
	refused(STR("GET http://api.example HTTP/1.1\r\n" HOST "\r\n"), ERR_NOT_FOUND);
	refused(STR("G http://a/ HTTP/1.1\r\n" HOST "\r\n"), ERR_NOT_FOUND);
	refused(padded("GET http://", 3000, 'a', "/ HTTP/1.1\r\n" HOST "\r\n"), ERR_URI_TOO_LONG);
}

Test(http_guard, takes_no_other_form_of_a_target)
{
	malformed(STR("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"));
	malformed(STR("CONNECT api.example:443 HTTP/1.1\r\n" HOST "\r\n"));
	malformed(STR("GET /a#b HTTP/1.1\r\n" HOST "\r\n"));
	malformed(STR("GET /a\0b HTTP/1.1\r\n" HOST "\r\n"));
	malformed(STR("GET /caf\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n"));
	malformed(STR("GET /a\x7f HTTP/1.1\r\n" HOST "\r\n"));
}

Test(http_guard, limits_the_target)
{
	complete(padded("GET /", HTTP_TARGET_MAX - 1, 'a', " HTTP/1.1\r\n" HOST "\r\n"));
	refused(padded("GET /", HTTP_TARGET_MAX, 'a', " HTTP/1.1\r\n" HOST "\r\n"), ERR_URI_TOO_LONG);
}

Test(http_guard, speaks_1_0_and_1_1)
{
	refused(STR("GET / HTTP/2.0\r\n" HOST "\r\n"), ERR_VERSION_NOT_SUPPORTED);
	/* HTTP/2 by prior knowledge: the asterisk comes first */
	refused(STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), ERR_INVALID_REQUEST);
	refused(STR("GET / HTTP/1.2\r\n" HOST "\r\n"), ERR_VERSION_NOT_SUPPORTED);
	refused(STR("GET / HTTP/0.9\r\n" HOST "\r\n"), ERR_VERSION_NOT_SUPPORTED);
	malformed(STR("GET / HTTP/1.11\r\n" HOST "\r\n"));
	malformed(STR("GET / HTTP/1.\r\n" HOST "\r\n"));
	malformed(STR("GET / HTTP/1\r\n" HOST "\r\n"));
	malformed(STR("GET / http/1.1\r\n" HOST "\r\n"));
	malformed(STR("GET / RTSP/1.0\r\n" HOST "\r\n"));
}

/* ---- headers ---- */

Test(http_guard, refuses_malformed_header_lines)
{
	malformed(STR("GET / HTTP/1.1\r\nHost: x\n\r\n"));
	malformed(STR("GET / HTTP/1.1\r\nHost: x\r\n\n"));
	malformed(STR("GET / HTTP/1.1\r\nHost: x\r\r\n\r\n"));
	malformed(STR("GET / HTTP/1.1\r\nHost: x\r\n\r\r\n"));
	malformed(STR("GET / HTTP/1.1\r\n" HOST "A: b\r\n folded\r\n\r\n"));
	malformed(STR("GET / HTTP/1.1\r\n" HOST "A: b\r\n\tfolded\r\n\r\n"));
	malformed(STR("GET / HTTP/1.1\r\n " HOST "\r\n"));
	malformed(STR("GET / HTTP/1.1\r\nHost : x\r\n\r\n"));
	malformed(STR("GET / HTTP/1.1\r\nHost\t: x\r\n\r\n"));
	malformed(STR("GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n"));
	malformed(STR("GET / HTTP/1.1\r\n" HOST "nocolon\r\n\r\n"));
	malformed(STR("GET / HTTP/1.1\r\n" HOST "A: b\0c\r\n\r\n"));
	malformed(STR("GET / HTTP/1.1\r\n" HOST "A\0: b\r\n\r\n"));
	malformed(STR("GET / HTTP/1.1\r\n" HOST "A: b\x01\r\n\r\n"));
	malformed(STR("GET / HTTP/1.1\r\n" HOST "A: b\x7f\r\n\r\n"));
	malformed(STR("GET / HTTP/1.1\r\n" HOST "caf\xc3\xa9: b\r\n\r\n"));
}

Test(http_guard, wants_one_host_in_1_1)
{
	malformed(STR("GET / HTTP/1.1\r\n\r\n"));
	malformed(STR("GET / HTTP/1.1\r\nHosts: x\r\n\r\n"));
	malformed(STR("GET / HTTP/1.1\r\n" HOST HOST "\r\n"));
	malformed(STR("GET / HTTP/1.1\r\n" HOST "HOST: other\r\n\r\n"));
	malformed(STR("GET / HTTP/1.0\r\n" HOST HOST "\r\n"));
}

Test(http_guard, limits_the_head)
{
	static const char before[] = "GET / HTTP/1.1\r\n" HOST "A: ";
	const size_t room = HTTP_HEAD_MAX - (sizeof before - 1) - 4;
	complete(padded(before, room, 'a', "\r\n\r\n"));
	refused(padded(before, room + 1, 'a', "\r\n\r\n"), ERR_HEADERS_TOO_LARGE);
	refused(padded("GET / HTTP/1.1\r\n" HOST, HTTP_HEAD_MAX, 'a', ": b\r\n\r\n"), ERR_HEADERS_TOO_LARGE);
}

Test(http_guard, limits_the_number_of_headers)
{
	char text[4096];
	size_t n = 0;
	struct str line = STR("a:\r\n");
	memcpy(text, "GET / HTTP/1.0\r\n", 16);
	n += 16;
	for (int i = 0; i < HTTP_HEADERS_MAX; i++, n += line.n)
		memcpy(text + n, line.p, line.n);
	memcpy(text + n, "\r\n", 2);
	complete(str_from(text, n + 2));
	memcpy(text + n, line.p, line.n);
	refused(str_from(text, n + line.n), ERR_HEADERS_TOO_LARGE);
}

/* ---- how long the body is ---- */

Test(http_guard, takes_one_length_only)
{
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"));
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\ncontent-length: 1\r\n\r\na"));
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\nContent-Length: 0\r\n\r\n"));
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\na"));
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\na"));
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\na"));
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\na"));
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 1 1\r\n\r\na"));
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n"));
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Content-Length: \t \r\n\r\n"));
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 1\x0b\r\n\r\na"));
}

/* RFC 9110 section 9.3 lets a server refuse what has no meaning there. evhttp would read the
 * body as the next request. */
Test(http_guard, refuses_content_of_methods_that_have_none)
{
	static const char *const methods[] = {"HEAD", "DELETE", "OPTIONS", "TRACE", "FROB", "POSTPONED", "post"};
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		malformed(padded(methods[i], 1, ' ', "/ HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx"));
		malformed(padded(methods[i], 1, ' ', "/ HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"));
		complete(padded(methods[i], 1, ' ', "/ HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n"));
	}
}

Test(http_guard, takes_a_length_or_a_coding)
{
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"));
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"));
	malformed(STR("POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"));
}

Test(http_guard, knows_no_coding_but_chunked_once)
{
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n"));
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n"));
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"));
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"));
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n"));
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunkedchunkedchunkedchunked\r\n\r\n0\r\n\r\n"));
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \x0b"
		      "chunked\r\n\r\n0\r\n\r\n"));
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n"));
	complete(STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:  chunked \t \r\n\r\n0\r\n\r\n"));
	/* evhttp would see no body */
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n"));
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \t chunked\r\n\r\n0\r\n\r\n"));
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"));
	malformed(STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n"));
}

Test(http_guard, refuses_odd_chunks)
{
	malformed(STR(CHUNKED "\r\n\r\n"));
	malformed(STR(CHUNKED " 1\r\nx\r\n0\r\n\r\n"));
	malformed(STR(CHUNKED "1 \r\nx\r\n0\r\n\r\n"));
	malformed(STR(CHUNKED "+1\r\nx\r\n0\r\n\r\n"));
	malformed(STR(CHUNKED "-1\r\nx\r\n0\r\n\r\n"));
	malformed(STR(CHUNKED "0x1\r\nx\r\n0\r\n\r\n"));
	malformed(STR(CHUNKED "g\r\nx\r\n0\r\n\r\n"));
	malformed(STR(CHUNKED "1;a=b\r\nx\r\n0\r\n\r\n"));
	malformed(STR(CHUNKED "1\nx\r\n0\r\n\r\n"));
	malformed(STR(CHUNKED "1\rx\r\n0\r\n\r\n"));
	malformed(STR(CHUNKED "1\r\nxy\r\n0\r\n\r\n"));
	malformed(STR(CHUNKED "1\r\nx\n0\r\n\r\n"));
	malformed(STR(CHUNKED "1\r\nx\r0\r\n\r\n"));
	malformed(STR(CHUNKED "000000001\r\nx\r\n0\r\n\r\n"));
	malformed(STR(CHUNKED "0\r\nTrailer: x\r\n\r\n"));
	malformed(STR(CHUNKED "0\r\n\n"));
	malformed(STR(CHUNKED "0\r\n\rx"));
}

Test(http_guard, no_chunk_size_overflows)
{
	refused(STR(CHUNKED "ffffffff\r\n"), ERR_BODY_TOO_LARGE);
	refused(STR(CHUNKED "FFFFFFFFFFFFFFFF\r\n"), ERR_BODY_TOO_LARGE);
	refused(STR(CHUNKED "100000000\r\nx\r\n0\r\n\r\n"), ERR_BODY_TOO_LARGE);
	refused(STR(CHUNKED "10000000000000001\r\nx\r\n0\r\n\r\n"), ERR_BODY_TOO_LARGE);
	refused(STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551617\r\n\r\nx"), ERR_BODY_TOO_LARGE);
	refused(STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 999999999999\r\n\r\nx"), ERR_BODY_TOO_LARGE);
}

/* ---- bodies that are too large ---- */

Test(http_guard, takes_a_body_up_to_its_limit)
{
	complete(padded("POST / HTTP/1.1\r\n" HOST "Content-Length: 16384\r\n\r\n", 16384, 'x', ""));
	refused(padded(CHUNKED "4001\r\n", 0x4001, 'x', "\r\n0\r\n\r\n"), ERR_BODY_TOO_LARGE);
	refused(padded(CHUNKED "4000\r\n", 0x4000, 'x', "\r\n1\r\nx\r\n0\r\n\r\n"), ERR_BODY_TOO_LARGE);
}

Test(http_guard, reads_an_oversized_body_to_its_end_before_it_refuses)
{
	static const char head[] = "POST / HTTP/1.1\r\n" HOST "Content-Length: 16385\r\n\r\n";
	more(padded(head, 16384, 'x', ""));
	struct outcome o = outcome_of(padded(head, 16385, 'x', "GET / HTTP/1.0\r\n\r\n"));
	cr_assert_eq(o.verdict, GUARD_REFUSED);
	cr_assert_eq(o.why, ERR_BODY_TOO_LARGE);
	cr_assert_eq(o.taken, sizeof head - 1 + 16385);
}

Test(http_guard, reads_no_more_than_a_megabyte_for_courtesy)
{
	static const char most[] = "POST / HTTP/1.1\r\n" HOST "Content-Length: 1048576\r\n\r\n";
	struct str text = padded(most, HTTP_SWALLOW_MAX, 'x', "");
	struct outcome o = feed(text, 0, 4096);
	cr_assert_eq(o.why, ERR_BODY_TOO_LARGE);
	cr_assert_eq(o.taken, text.n);
	refused(STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 1048577\r\n\r\n"), ERR_BODY_TOO_LARGE);
}

/* ---- Expect ---- */

static bool awaits(struct str text)
{
	struct http_guard g;
	size_t taken = 0;
	enum err why = ERR_OK;
	http_guard_init(&g);
	cr_assert_eq(http_guard_feed(&g, text.p, text.n, &taken, &why), GUARD_MORE, "%s", err_info(why)->code);
	return http_guard_awaits_continue(&g);
}

Test(http_guard, tells_when_the_client_waits_for_100_continue)
{
#define EXPECTS "POST / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\n"
	cr_assert(awaits(STR(EXPECTS "Content-Length: 2\r\n\r\n")));
	cr_assert(awaits(STR(EXPECTS "Transfer-Encoding: chunked\r\n\r\n")));
	cr_assert_not(awaits(STR(EXPECTS "Content-Length: 2\r\n\r")), "the head isn't complete");
	cr_assert_not(awaits(STR(EXPECTS "Content-Length: 2\r\n\r\na")), "the body is coming already");
	cr_assert_not(awaits(STR(EXPECTS "Transfer-Encoding: chunked\r\n\r\n2")), "a chunk is coming already");
	cr_assert_not(awaits(STR(EXPECTS "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")), "a chunk was there already");
	cr_assert_not(awaits(STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n")), "nothing is expected");
	complete(STR(EXPECTS "\r\n"));
	complete(STR(EXPECTS "Content-Length: 2\r\n\r\nab"));
}

/* RFC 9110 section 10.1.1 */
Test(http_guard, ignores_an_expectation_in_1_0)
{
	cr_assert_not(awaits(STR("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")));
}

Test(http_guard, marks_where_the_expect_line_stands)
{
	static const char before[] = "POST / HTTP/1.1\r\n" HOST;
	static const char line[] = "expect:100-continue\r\n";
	struct http_guard g;
	size_t taken = 0;
	enum err why = ERR_OK;
	struct str text = STR("POST / HTTP/1.1\r\n" HOST "expect:100-continue\r\nContent-Length: 0\r\n\r\n");
	http_guard_init(&g);
	cr_assert_eq(http_guard_feed(&g, text.p, text.n, &taken, &why), GUARD_COMPLETE);
	cr_assert_eq(g.expect_start, sizeof before - 1);
	cr_assert_eq(g.expect_end, sizeof before - 1 + sizeof line - 1);
}

Test(http_guard, refuses_other_expectations)
{
	refused(STR("POST / HTTP/1.1\r\n" HOST "Expect: 200-ok\r\nContent-Length: 2\r\n\r\n"), ERR_EXPECTATION_FAILED);
	refused(STR("POST / HTTP/1.1\r\n" HOST "Expect:\r\nContent-Length: 2\r\n\r\n"), ERR_EXPECTATION_FAILED);
	refused(STR(EXPECTS "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"), ERR_EXPECTATION_FAILED);
}

Test(http_guard, refuses_a_large_body_before_it_is_sent)
{
	refused(STR(EXPECTS "Content-Length: 16385\r\n\r\n"), ERR_BODY_TOO_LARGE);
}
