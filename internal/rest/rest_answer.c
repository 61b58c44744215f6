/* The fields and the head of an answer; whoever composes one decides what it says. */
#include "rest/rest_answer.h"

#include <assert.h>
#include <event2/util.h>
#include <time.h>

#include "base/clock.h"

const char *rest_reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 201:
		return "Created";
	case 204:
		return "No Content";
	case 304:
		return "Not Modified";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 408:
		return "Request Timeout";
	case 409:
		return "Conflict";
	case 412:
		return "Precondition Failed";
	case 413:
		return "Content Too Large";
	case 414:
		return "URI Too Long";
	case 415:
		return "Unsupported Media Type";
	case 417:
		return "Expectation Failed";
	case 421:
		return "Misdirected Request";
	case 422:
		return "Unprocessable Content";
	case 429:
		return "Too Many Requests";
	case 431:
		return "Request Header Fields Too Large";
	case 499:
		/* nobody's standard, and never sent: the client is gone */
		return "Client Closed Request";
	case 501:
		return "Not Implemented";
	case 503:
		return "Service Unavailable";
	case 504:
		return "Gateway Timeout";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Internal Server Error";
	}
}

void rest_answer_add(struct rest_answer *a, struct str name, struct str value)
{
	if (value.p == NULL)
		return;
	assert(a->n < REST_FIELDS_MAX);
	a->fields[a->n].name = name;
	a->fields[a->n++].value = value;
}

void rest_answer_put_head(const struct rest_answer *a, struct sbuf *out)
{
	sbuf_put(out, STR("HTTP/1.1 "));
	sbuf_puti(out, a->status);
	sbuf_putc(out, ' ');
	sbuf_putz(out, rest_reason(a->status));
	for (unsigned i = 0; i < a->n; i++) {
		sbuf_put(out, STR("\r\n"));
		sbuf_put(out, a->fields[i].name);
		sbuf_put(out, STR(": "));
		sbuf_put(out, a->fields[i].value);
	}
	if (rest_has_body(a->status)) {
		sbuf_put(out, STR("\r\nContent-Length: "));
		sbuf_puti(out, (int64_t)a->body.n);
	}
	sbuf_put(out, STR("\r\n\r\n"));
}

/* evhttp would make it anew for every answer. */
const char *rest_date(void)
{
	static _Thread_local int64_t second;
	static _Thread_local char text[40];
	int64_t now = clock_wall_us() / 1000000;
	if (now != second) {
		const time_t t = (time_t)now;
		struct tm tm;
		gmtime_r(&t, &tm);
		evutil_date_rfc1123(text, sizeof text, &tm);
		second = now;
	}
	return text;
}
