/* A request that was read from its bytes says what evhttp says of it: each is given to both. */
#include <criterion/criterion.h>

#include <event2/event.h>
#include <event2/http.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "conn_server.h"
#include "rest/rest_conn.h"
#include "rest/rest_message.h"

#define HOST "Host: api.example\r\n"

static struct event_base *base;
static struct conn_server server;
static struct rest_conns conns;
/* Whoever asks here. */
static const struct proxies proxies = {.form = FORWARDED_X_FORWARDED_FOR, .n = 1, .networks = {{.base = {4, {127}}, .bits = 8}}};
static int client;

/* What `take` has read, as a text that can be compared. */
static char read_text[32768], evhttp_text[32768];
static bool was_read;

static void tell(const struct rest_message *m, char *out, size_t cap)
{
	int n = snprintf(out, cap, "%.*s %.*s query=%s", STR_ARG(m->method), STR_ARG(m->path), m->query == NULL ? "(none)" : m->query);
	for (int h = 0; h < REST_HEADERS; h++)
		n += snprintf(out + n, cap - (size_t)n, "\n%d: %u '%.*s'", h, m->headers[h].count, STR_ARG(m->headers[h].value));
	char address[IP_TEXT_MAX];
	n += snprintf(out + n, cap - (size_t)n, "\ncaller '%.*s'", STR_ARG(forwarded_text(m->caller, address)));
	snprintf(out + n, cap - (size_t)n, "\nbody=%zu '%.*s'", m->body.n, STR_ARG(m->body));
}

static bool take(void *arg, struct rest_conn *c, struct str request)
{
	(void)arg;
	struct rest_message m;
	struct forwarded caller;
	rest_conn_ask_caller(c, &caller);
	was_read = rest_message_read(request, &caller, &m);
	if (was_read)
		tell(&m, read_text, sizeof read_text);
	return false;
}

static void on_request(struct evhttp_request *req, void *arg)
{
	(void)arg;
	struct rest_message m;
	struct forwarded caller;
	rest_conn_ask_caller(rest_conn_asking(&conns, evhttp_request_get_connection(req)), &caller);
	cr_assert(rest_message_of_evhttp(req, &caller, &m));
	tell(&m, evhttp_text, sizeof evhttp_text);
	evhttp_send_reply(req, 200, "OK", NULL);
}

static void up(void)
{
	log_set_level(LOG_ERROR);
	base = event_base_new();
	cr_assert_eq(rest_conns_init(&conns, base, NULL, &proxies, 4, 10000), ERR_OK);
	conns.take = take;
	server = conn_server_start(base, &conns, on_request);
	client = conn_server_dial(&server);
}

static void down(void)
{
	close(client);
	conn_server_stop(&server, &conns, base);
}

TestSuite(rest_message, .init = up, .fini = down);

static void ask(struct str text)
{
	const struct timeval limit = {0, 50000};
	char ignored[4096];
	was_read = false;
	read_text[0] = evhttp_text[0] = '\0';
	cr_assert_eq(send(client, text.p, text.n, MSG_NOSIGNAL), (ssize_t)text.n);
	event_base_loopexit(base, &limit);
	event_base_dispatch(base);
	while (recv(client, ignored, sizeof ignored, MSG_DONTWAIT) > 0)
		continue;
	cr_assert(evhttp_text[0] != '\0', "evhttp has not seen %.*s", STR_ARG(text));
}

static bool reads(struct str request, struct rest_message *ret)
{
	static const struct remote nobody;
	static struct forwarded caller;
	forwarded_begin(&caller, &proxies, &nobody);
	return rest_message_read(request, &caller, ret);
}

Test(rest_message, who_a_proxy_speaks_for_is_told_to_either_reader)
{
	ask(STR("GET /a HTTP/1.1\r\n" HOST "X-Forwarded-For: 203.0.113.1\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n"));
	cr_assert_not_null(strstr(read_text, "caller '192.0.2.7'"), "%s", read_text);
	cr_assert_not_null(strstr(evhttp_text, "caller '192.0.2.7'"), "%s", evhttp_text);
	ask(STR("GET /a HTTP/1.1\r\n" HOST "\r\n"));
	cr_assert_not_null(strstr(read_text, "caller '127.0.0.1'"), "%s", read_text);
}

Test(rest_message, both_readers_agree)
{
	static const struct str requests[] = {
		STR("GET /a HTTP/1.1\r\n" HOST "\r\n"),
		STR("GET / HTTP/1.1\r\n" HOST "\r\n"),
		STR("GET /a HTTP/1.1\r\n" HOST "X-Forwarded-For: 203.0.113.1\r\nx-forwarded-for:192.0.2.7 ,127.0.0.2\r\n\r\n"),
		STR("GET /a HTTP/1.1\r\n" HOST "X-FORWARDED-FOR: [2001:db8::7]:443\r\n\r\n"),
		STR("GET /a HTTP/1.1\r\n" HOST "X-Forwarded-For: unknown\r\n\r\n"),
		STR("GET /a HTTP/1.1\r\n" HOST "X-Forwarded-For:\r\n\r\n"),
		STR("GET /.well-known/jwks.json HTTP/1.1\r\n" HOST "User-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"),
		STR("GET /a/../b/./c//d/ HTTP/1.1\r\n" HOST "\r\n"),
		STR("GET /a~b_c-d.e HTTP/1.1\r\n" HOST "\r\n"),
		STR("POST /oauth2/token HTTP/1.1\r\n" HOST
		    "content-type: application/x-www-form-urlencoded\r\nContent-Length: 5\r\n\r\na=b\r\n"),
		STR("POST /a HTTP/1.1\r\n" HOST
		    "CONTENT-TYPE:application/json\r\nAUTHORIZATION: \t Bearer  a b \t \r\nContent-Length: 0\r\n\r\n"),
		STR("POST /a HTTP/1.1\r\n" HOST "Authorization: one\r\nAuthorization: two\r\nX-Request-Id: 1\r\nx-request-id: 2\r\n"
		    "X-REQUEST-ID: 3\r\n\r\n"),
		STR("POST /a HTTP/1.1\r\n" HOST "Idempotency-Key:\r\nTraceparent: \r\nUser-Agent:   \r\n\r\n"),
		STR("POST /a HTTP/1.1\r\n" HOST
		    "Idempotency-Key: a:b: c\r\nTraceparent: \xc3\xa4\xff\r\nuser-agen: x\r\nuser-agentt: x\r\n\r\n"),
		STR("POST /a HTTP/1.1\r\n" HOST "Traceparent: 1\r\nUser-Agent: GET /b HTTP/1.1\r\nContent-Length: 8\r\n\r\n\r\n\r\nGET "),
	};
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		ask(requests[i]);
		cr_assert(was_read, "%.*s", STR_ARG(requests[i]));
		cr_assert_str_eq(read_text, evhttp_text);
	}
}

/* What is of a rarer form, or could be understood in two ways, is left to evhttp. */
Test(rest_message, rarer_forms_are_left_to_evhttp)
{
	static const struct str requests[] = {
		STR("GET /a?b=c HTTP/1.1\r\n" HOST "\r\n"), STR("GET /a? HTTP/1.1\r\n" HOST "\r\n"),
		STR("GET /%61 HTTP/1.1\r\n" HOST "\r\n"),   STR("GET /a//%62 HTTP/1.1\r\n" HOST "\r\n"),
		STR("GET /a;b HTTP/1.1\r\n" HOST "\r\n"),   STR("GET /a:b@c HTTP/1.1\r\n" HOST "\r\n"),
		STR("HEAD /a HTTP/1.1\r\n" HOST "\r\n"),    STR("PATCH /a HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}"),
		STR("DELETE /a HTTP/1.1\r\n" HOST "\r\n"),  STR("get /a HTTP/1.1\r\n" HOST "\r\n"),
	};
	for (size_t i = 0; i < sizeof requests / sizeof *requests - 1; i++) {
		ask(requests[i]);
		cr_assert_not(was_read, "%.*s", STR_ARG(requests[i]));
	}
	struct rest_message m;
	cr_assert_not(reads(requests[9], &m), "methods are case-sensitive (RFC 9110 section 9.1)");
}

/* The guard lets none of these through; whoever forgets it reads nothing beyond the bytes. */
Test(rest_message, what_is_cut_short_is_not_read)
{
	static const char whole[] = "POST /a HTTP/1.1\r\n" HOST "Traceparent: 1\r\n\r\n";
	struct rest_message m;
	for (size_t n = 0; n < sizeof whole - 1; n++) {
		char *copy = malloc(n + 1);
		memcpy(copy, whole, n);
		copy = realloc(copy, n > 0 ? n : 1);
		cr_assert_not(reads(str_from(copy, n), &m), "%zu bytes", n);
		free(copy);
	}
	cr_assert(reads(str_from(whole, sizeof whole - 1), &m));
}
