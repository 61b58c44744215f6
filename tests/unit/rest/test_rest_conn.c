/* The guard between a real socket and evhttp: what evhttp is given to parse, and what the client
 * reads. */
#include <criterion/criterion.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "conn_server.h"
#include "rest/rest_conn.h"

#define HOST       "Host: api.example\r\n"
#define SETTLED_MS 50

static struct event_base *base;
static struct conn_server server;
static struct rest_conns conns;
static struct proxies proxies;
static struct evhttp_request *held; /* a request for /held waits until the test answers it */
static struct rest_conn *holder;    /* its connection */
static char seen[1024];             /* the paths that evhttp has served, each with a space behind */
static char answer[8192];
static int client;

static void on_request(struct evhttp_request *req, void *arg)
{
	(void)arg;
	size_t n = strlen(seen);
	snprintf(seen + n, sizeof seen - n, "%s ", evhttp_request_get_uri(req));
	if (strcmp(evhttp_request_get_uri(req), "/held") == 0) {
		held = req;
		holder = rest_conn_asking(&conns, evhttp_request_get_connection(req));
	} else {
		evhttp_send_reply(req, 200, "OK", NULL);
	}
}

static void refuse(void *arg, struct rest_conn *c, enum err why)
{
	(void)arg;
	size_t n = strlen(seen);
	snprintf(seen + n, sizeof seen - n, "refused:%s ", err_info(why)->code);
	rest_conn_answer(c, STR("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), STR_NONE, CONN_END_MALFORMED,
			 NULL, NULL);
}

static void answer_held(void)
{
	struct evhttp_request *req = held;
	held = NULL;
	evhttp_send_reply(req, 200, "OK", NULL);
	rest_conn_flush(holder, CONN_END_NONE);
}

static void up_with(unsigned max, unsigned receive_timeout_ms)
{
	log_set_level(LOG_ERROR);
	base = event_base_new();
	cr_assert_eq(rest_conns_init(&conns, base, NULL, &proxies, max, receive_timeout_ms), ERR_OK);
	conns.refuse = refuse;
	server = conn_server_start(base, &conns, on_request);
	client = conn_server_dial(&server);
}

static void up(void)
{
	up_with(16, 10000);
}

static void down(void)
{
	close(client);
	conn_server_stop(&server, &conns, base);
	cr_assert_eq(conns.count, 0);
}

TestSuite(rest_conn, .init = up, .fini = down);

static void turn(int ms)
{
	const struct timeval limit = {0, ms * 1000};
	event_base_loopexit(base, &limit);
	event_base_dispatch(base);
}

static void say(struct str text)
{
	cr_assert_eq(send(client, text.p, text.n, MSG_NOSIGNAL), (ssize_t)text.n);
	turn(SETTLED_MS);
}

/* Everything that the server has said since the last time. */
static const char *hear(void)
{
	ssize_t n = recv(client, answer, sizeof answer - 1, MSG_DONTWAIT);
	answer[n > 0 ? n : 0] = '\0';
	return answer;
}

/* Reads what is left, then looks for the end. */
static bool closed(void)
{
	ssize_t n = 0;
	while ((n = recv(client, answer, sizeof answer, MSG_DONTWAIT)) > 0)
		continue;
	return n == 0;
}

/* How many connections have ended, all for this reason. */
static void ended_for(enum conn_end why, unsigned n)
{
	for (unsigned i = CONN_END_NONE + 1; i < CONN_END_COUNT; i++)
		cr_assert_eq(conn_ends_of(&conns.ends, (enum conn_end)i), i == why ? n : 0, "%s: %d", conn_end_info((enum conn_end)i)->word,
			     (int)conn_ends_of(&conns.ends, (enum conn_end)i));
}

static void served(const char *paths)
{
	cr_assert_str_eq(seen, paths);
}

Test(rest_conn, a_request_reaches_evhttp_when_it_is_complete)
{
	say(STR("GET /a HTTP/1.1\r\n" HOST));
	served("");
	say(STR("\r\n"));
	served("/a ");
}

Test(rest_conn, pipelined_requests_are_served_in_order)
{
	say(STR("GET /a HTTP/1.1\r\n" HOST "\r\nPOST /b HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nxyGET /c HTTP/1.1\r\n" HOST "\r\n"));
	served("/a /b /c ");
}

/* evhttp reads no body of some methods, and would take one for the next request: smuggled past
 * the guard, and past the rules of a proxy. */
Test(rest_conn, a_body_is_never_taken_for_a_request)
{
	static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT", "FROB"};
	static const char *const framings[] = {
		"Content-Length: 37\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: abc\r\n\r\n",
		"Transfer-Encoding: chunked\r\n\r\n25\r\nGET /smuggled HTTP/1.1\r\nHost: abc\r\n\r\n\r\n0\r\n\r\n",
	};
	for (size_t i = 0; i < 2 * sizeof methods / sizeof *methods; i++) {
		const char *method = methods[i / 2];
		char text[256];
		int n = snprintf(text, sizeof text, "%s /a HTTP/1.1\r\n" HOST "%s", method, framings[i % 2]);
		seen[0] = '\0';
		say(str_from(text, (size_t)n));
		say(STR("GET /b HTTP/1.1\r\n" HOST "\r\n"));
		bool has_content = i < 8;
		cr_assert_str_eq(seen, has_content ? "/a /b " : "refused:invalid_request ", "%s: %s", method, seen);
		cr_assert_eq(closed(), !has_content);
		close(client);
		client = conn_server_dial(&server);
	}
}

Test(rest_conn, a_refused_request_is_the_last)
{
	say(STR("GET /a HTTP/1.1\r\n" HOST "\r\nGET /b HTTP/1.1\n" HOST "\r\nGET /c HTTP/1.1\r\n" HOST "\r\n"));
	served("/a refused:invalid_request ");
	say(STR("GET /d HTTP/1.1\r\n" HOST "\r\n"));
	served("/a refused:invalid_request ");
	cr_assert(closed());
	ended_for(CONN_END_MALFORMED, 1);
}

Test(rest_conn, an_oversized_body_is_read_before_it_is_refused)
{
	static char body[20000];
	memset(body, 'x', sizeof body);
	say(STR("POST /a HTTP/1.1\r\n" HOST "Content-Length: 20000\r\n\r\n"));
	say(str_from(body, sizeof body - 1));
	served("");
	say(STR("x"));
	served("refused:body_too_large ");
}

Test(rest_conn, answers_100_continue_once_and_hides_the_expectation_from_evhttp)
{
	say(STR("POST /a HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
	cr_assert_str_eq(hear(), "HTTP/1.1 100 Continue\r\n\r\n");
	say(STR("a"));
	say(STR("bc"));
	served("/a ");
	cr_assert(str_starts(str_of(hear()), STR("HTTP/1.1 200 OK\r\n")));
	say(STR("POST /b HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
	cr_assert_str_eq(hear(), "HTTP/1.1 100 Continue\r\n\r\n");
}

/* To evhttp it would be a proxy's request. */
Test(rest_conn, of_an_absolute_target_evhttp_sees_the_path)
{
	say(STR("GET http://api.example/a?x=1 HTTP/1.1\r\n" HOST "\r\nGET /b HTTP/1.1\r\n" HOST "\r\n"));
	served("/a?x=1 /b ");
	(void)hear();
	say(STR("POST https://a:8443/c HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
	cr_assert_str_eq(hear(), "HTTP/1.1 100 Continue\r\n\r\n");
	say(STR("xyGET /d HTTP/1.1\r\n" HOST "\r\n"));
	served("/a?x=1 /b /c /d ");
	cr_assert_not(closed());
}

Test(rest_conn, a_request_behind_one_that_is_worked_on_waits)
{
	say(STR("GET /held HTTP/1.1\r\n" HOST "\r\nGET /b HTTP/1.1\r\n" HOST "\r\n"));
	say(STR("GET /c HTTP/1.1\r\n" HOST "\r\n"));
	served("/held ");
	answer_held();
	turn(SETTLED_MS);
	served("/held /b /c ");
}

/* ---- what is taken before evhttp is asked ---- */

static bool taking;
static struct rest_conn *taken[4]; /* those that asked for /later */
static size_t taken_n;
static unsigned released;

enum { LONG = 8 * 1024 * 1024, GOT_MAX = LONG + 4096 }; /* bytes of an answer, and to read it and more */

/* So many bytes for one test, which nobody gives back. A static array would cost every test. */
static char *bytes(size_t n)
{
	static char *all[2];
	static size_t all_n;
	cr_assert_lt(all_n, sizeof all / sizeof *all);
	return all[all_n++] = calloc(1, n);
}

static void release(const void *data, size_t n, void *owner)
{
	cr_assert(data == NULL || n > 0);
	++*(unsigned *)owner;
}

#define BUSY      "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno"
#define LATE_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
#define LATE      LATE_HEAD "late"

static bool take(void *arg, struct rest_conn *c, struct str request)
{
	(void)arg;
	if (taking && str_starts(request, STR("POST /token "))) {
		rest_conn_answer(c, STR(BUSY), STR_NONE, CONN_END_NONE, NULL, NULL);
	} else if (str_starts(request, STR("POST /full "))) {
		rest_conn_cool(c);
		rest_conn_answer(c, STR(BUSY), STR_NONE, CONN_END_NONE, NULL, NULL);
	} else if (str_starts(request, STR("POST /later "))) {
		cr_assert_lt(taken_n, sizeof taken / sizeof *taken);
		taken[taken_n++] = c;
	} else if (str_starts(request, STR("POST /last "))) {
		rest_conn_answer(c, STR(LATE_HEAD), STR("late"), CONN_END_DRAINED, release, &released);
	} else if (str_starts(request, STR("POST /long "))) {
		rest_conn_answer(c, STR("HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n"), str_from(bytes(LONG), LONG), CONN_END_NONE,
				 release, &released);
	} else {
		return false;
	}
	return true;
}

static void answer_taken(size_t i)
{
	rest_conn_answer(taken[i], STR(LATE_HEAD), STR("late"), CONN_END_NONE, release, &released);
	cr_assert_eq(released, i + 1);
	turn(SETTLED_MS);
}

static void up_taking(void)
{
	up();
	conns.take = take;
	taking = true;
}

TestSuite(rest_conn_taken, .init = up_taking, .fini = down);

Test(rest_conn_taken, a_request_is_answered_in_place_and_the_connection_goes_on)
{
	say(STR("POST /token HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nxyPOST /token HTTP/1.1\r\n" HOST "\r\nGET /a HTTP/1.1\r\n" HOST
		"\r\n"));
	served("/a ");
	const char *heard = hear();
	cr_assert(str_starts(str_of(heard), STR(BUSY BUSY "HTTP/1.1 200 OK\r\n")), "%s", heard);
	taking = false;
	say(STR("POST /token HTTP/1.1\r\n" HOST "\r\n"));
	served("/a /token ");
}

/* What changes the connection's way is evhttp's to see. */
Test(rest_conn_taken, what_ends_the_connection_is_not_taken)
{
	say(STR("POST /token HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"));
	served("/token ");
	cr_assert(closed());
	close(client);
	client = conn_server_dial(&server);
	say(STR("POST /token HTTP/1.0\r\n\r\n"));
	served("/token /token ");
	cr_assert(closed());
	ended_for(CONN_END_CLOSE_REQUESTED, 2);
}

Test(rest_conn_taken, neither_is_a_chunked_one_nor_one_that_expects)
{
	say(STR("POST /token HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n"));
	say(STR("POST /token HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nxy"));
	served("/token /token ");
}

Test(rest_conn_taken, a_request_in_pieces_is_whole_when_it_is_taken)
{
	static const char text[] =
		"POST /token HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nxyPOST /token HTTP/1.1\r\n" HOST "\r\nPOST /to";
	for (size_t i = 0; i < sizeof text - 1; i++) {
		cr_assert_eq(send(client, text + i, 1, MSG_NOSIGNAL), 1);
		turn(1);
	}
	cr_assert_str_eq(hear(), BUSY BUSY);
	say(STR("ken HTTP/1.1\r\n" HOST "\r\n"));
	cr_assert_str_eq(hear(), BUSY);
	served("");
}

Test(rest_conn_taken, what_follows_waits_for_the_answer)
{
	say(STR("POST /later HTTP/1.1\r\n" HOST "\r\nGET /a HTTP/1.1\r\n" HOST "\r\nPOST /later HTTP/1.1\r\n" HOST "\r\nPOST /token HT"));
	say(STR("TP/1.1\r\n" HOST "\r\n"));
	served("");
	cr_assert_str_eq(hear(), "");
	answer_taken(0);
	served("/a ");
	cr_assert(str_starts(str_of(hear()), STR(LATE "HTTP/1.1 200 OK\r\n")));
	answer_taken(1);
	cr_assert_str_eq(hear(), LATE BUSY);
}

/* ---- who was refused for want of room ---- */

static bool room;

static bool has_room(void *arg)
{
	(void)arg;
	return room;
}

static void serves_in_the_end(const char *paths)
{
	for (int i = 0; i < 200 && strcmp(seen, paths) != 0; i++)
		turn(10);
	served(paths);
}

Test(rest_conn_taken, who_asks_again_at_once_is_refused_now_and_then)
{
	const int64_t begin = clock_mono_us();
	unsigned refused = 0;
	conns.cooling.has_room = has_room;
	const struct str request = STR("POST /full HTTP/1.1\r\n" HOST "\r\n");
	do {
		cr_assert_eq(send(client, request.p, request.n, MSG_NOSIGNAL), (ssize_t)request.n);
		while (*hear() == '\0')
			turn(1);
		refused++;
	} while (clock_mono_us() - begin < 500000);
	cr_assert_leq(refused, 1 + (clock_mono_us() - begin) / 70000);
}

Test(rest_conn_taken, who_was_refused_is_served_again)
{
	conns.cooling.has_room = has_room;
	say(STR("POST /full HTTP/1.1\r\n" HOST "\r\n"));
	cr_assert_str_eq(hear(), BUSY);
	say(STR("GET /a HTTP/1.1\r\n" HOST "\r\n"));
	serves_in_the_end("/a ");
	say(STR("POST /full HTTP/1.1\r\n" HOST "\r\nGET /b HTTP/1.1\r\n" HOST "\r\n"));
	room = true;
	say(STR("GET /c HTTP/1.1\r\n" HOST "\r\n"));
	serves_in_the_end("/a /b /c ");
}

Test(rest_conn_taken, who_was_refused_may_leave)
{
	conns.cooling.has_room = has_room;
	say(STR("POST /full HTTP/1.1\r\n" HOST "\r\n"));
	close(client);
	while (conns.count > 0)
		turn(10);
	client = conn_server_dial(&server);
	say(STR("POST /full HTTP/1.1\r\n" HOST "\r\n"));
}

Test(rest_conn_taken, it_is_not_idle_while_it_is_worked_on)
{
	const struct timeval idle = {0, 100000};
	evhttp_set_timeout_tv(server.http, &idle);
	close(client);
	client = conn_server_dial(&server);
	say(STR("POST /later HTTP/1.1\r\n" HOST "\r\n"));
	turn(400);
	rest_conns_close_idle(&conns, 1, 0);
	cr_assert_eq(conns.count, 1);
	answer_taken(0);
	cr_assert_str_eq(hear(), LATE);
	turn(400);
	cr_assert_eq(conns.count, 0, "afterwards it is");
	cr_assert(closed());
}

Test(rest_conn_taken, the_last_answer_is_sent_and_the_connection_closed)
{
	say(STR("POST /last HTTP/1.1\r\n" HOST "\r\nPOST /last HTTP/1.1\r\n" HOST "\r\n"));
	cr_assert_eq(released, 1);
	cr_assert_eq(conns.count, 0);
	cr_assert_str_eq(hear(), LATE);
	cr_assert(closed());
	ended_for(CONN_END_DRAINED, 1);
}

Test(rest_conn_taken, an_answer_for_nobody_is_let_go_of)
{
	say(STR("POST /later HTTP/1.1\r\n" HOST "\r\n"));
	const struct linger reset = {.l_onoff = 1};
	setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	close(client);
	client = -1;
	turn(SETTLED_MS);
	cr_assert_eq(conns.count, 1, "it stays until it is answered");
	answer_taken(0);
	cr_assert_eq(conns.count, 0);
	ended_for(CONN_END_LOST, 1);
}

Test(rest_conn_taken, a_client_that_sends_no_more_reads_its_answer)
{
	say(STR("POST /later HTTP/1.1\r\n" HOST "\r\nPOST /later HTTP/1.1\r\n" HOST "\r\n"));
	shutdown(client, SHUT_WR);
	turn(SETTLED_MS);
	answer_taken(0);
	answer_taken(1);
	cr_assert_str_eq(hear(), LATE LATE);
	cr_assert_eq(conns.count, 0);
	ended_for(CONN_END_CLIENT_CLOSED, 1);
}

/* Larger than what the socket takes at once: a piece of it is sent from where it was written,
 * the rest from the output. */
static void answer_at_length(bool last, bool with_release)
{
	char *body = bytes(LONG), *got = bytes(GOT_MAX);
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n";
	for (size_t i = 0; i < LONG; i++)
		body[i] = (char)('a' + i % 23);
	say(STR("POST /later HTTP/1.1\r\n" HOST "\r\nPOST /token HTTP/1.1\r\n" HOST "\r\n"));
	rest_conn_answer(taken[0], str_from(head, sizeof head - 1), str_from(body, LONG), last ? CONN_END_DRAINED : CONN_END_NONE,
			 with_release ? release : NULL, &released);
	cr_assert_eq(released, 0, "the socket can't have taken all");
	size_t heard = 0;
	for (int quiet = 0; quiet < 20; quiet++) {
		for (ssize_t n; (n = recv(client, got + heard, GOT_MAX - heard, MSG_DONTWAIT)) > 0; quiet = 0)
			heard += (size_t)n;
		turn(5);
	}
	size_t whole = sizeof head - 1 + LONG;
	cr_assert_eq(heard, whole + (last ? 0 : sizeof BUSY - 1));
	cr_assert(memcmp(got, head, sizeof head - 1) == 0 && memcmp(got + sizeof head - 1, body, LONG) == 0);
	cr_assert_eq(released, with_release ? 1 : 0);
	cr_assert_eq(conns.count, last ? 0 : 1);
}

Test(rest_conn_taken, a_long_answer_waits_for_the_socket)
{
	answer_at_length(false, true);
}

Test(rest_conn_taken, a_long_answer_without_an_owner_is_copied)
{
	answer_at_length(false, false);
}

Test(rest_conn_taken, a_long_last_answer_is_sent_before_the_connection_is_closed)
{
	answer_at_length(true, true);
}

Test(rest_conn_taken, a_client_is_not_idle_until_it_stops_reading)
{
	static const char request[] = "POST /token HTTP/1.1\r\n" HOST "\r\n";
	const struct timeval idle = {1, 500000};
	const int small = 4096;
	evhttp_set_timeout_tv(server.http, &idle);
	close(client);
	client = conn_server_dial(&server);
	setsockopt(client, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	for (int i = 0; i < 36; i++)
		say(str_from(request, sizeof request - 1));
	cr_assert_eq(conns.count, 1, "it isn't idle while it asks");
	/* until neither side's buffers take any more */
	for (int stuck = 0; stuck < 4;) {
		bool sent = send(client, request, sizeof request - 1, MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
		stuck = sent ? 0 : stuck + 1;
		if (!sent)
			turn(SETTLED_MS);
	}
	for (int tries = 0; conns.count > 0 && tries < 40; tries++)
		turn(400);
	cr_assert_eq(conns.count, 0);
}

/* Also when the answer was ready at once. */
Test(rest_conn_taken, a_client_that_reads_nothing_of_its_answer_is_given_up)
{
	const struct timeval idle = {0, 200000};
	evhttp_set_timeout_tv(server.http, &idle);
	close(client);
	client = conn_server_dial(&server);
	say(STR("POST /long HTTP/1.1\r\n" HOST "\r\n"));
	cr_assert_eq(released, 0, "the socket can't have taken all");
	turn(400);
	cr_assert_eq(conns.count, 0);
	cr_assert_eq(released, 1);
}

/* Answers that the client doesn't read wait, and the requests behind them; none is lost. */
Test(rest_conn_taken, answers_that_the_socket_does_not_take_wait)
{
	enum { REQUESTS = 40000 };
	static const char request[] = "POST /token HTTP/1.1\r\n" HOST "\r\n";
	static const size_t one = sizeof BUSY - 1;
	static char text[REQUESTS * (sizeof request - 1)];
	size_t sent = 0, heard = 0;
	for (size_t i = 0; i < REQUESTS; i++)
		memcpy(text + i * (sizeof request - 1), request, sizeof request - 1);
	while (sent < sizeof text) {
		ssize_t n = send(client, text + sent, sizeof text - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			sent += (size_t)n;
		turn(1);
		if (n <= 0) /* both ways are full: now it reads */
			for (ssize_t got; (got = recv(client, answer, sizeof answer, MSG_DONTWAIT)) > 0;)
				heard += (size_t)got;
	}
	for (int quiet = 0; quiet < 20 && heard < REQUESTS * one; quiet++) {
		turn(5);
		for (ssize_t got; (got = recv(client, answer, sizeof answer, MSG_DONTWAIT)) > 0; quiet = 0)
			heard += (size_t)got;
	}
	cr_assert_eq(heard, REQUESTS * one);
	served("");
}

/* ---- out of memory ---- */

static long countdown = -1; /* of libevent's allocations; at 0 it fails */

static void *scarce_malloc(size_t n)
{
	return countdown >= 0 && countdown-- == 0 ? NULL : malloc(n);
}

static void *scarce_realloc(void *p, size_t n)
{
	return countdown >= 0 && countdown-- == 0 ? NULL : realloc(p, n);
}

static void up_with_scarce_memory(void)
{
	event_set_mem_functions(scarce_malloc, scarce_realloc, free);
	up_taking();
}

TestSuite(rest_conn_memory, .init = up_with_scarce_memory, .fini = down);

static void turn_with(long allocations)
{
	event_base_loopexit(base, &(struct timeval){0, SETTLED_MS * 1000});
	countdown = allocations;
	event_base_dispatch(base);
	cr_assert_lt(countdown, 0, "none has failed");
}

/* Neither its head, nor its body. */
Test(rest_conn_memory, an_answer_that_can_not_be_kept_is_let_go_of)
{
	for (long i = 0; i < 2; i++) {
		turn(SETTLED_MS);
		released = 0;
		cr_assert_gt(send(client, "POST /long HTTP/1.1\r\n" HOST "\r\n", 23 + sizeof HOST - 1, MSG_NOSIGNAL), 0);
		turn_with(i);
		cr_assert_eq(released, 1);
		cr_assert_eq(conns.count, 0);
		cr_assert(closed());
		close(client);
		client = conn_server_dial(&server);
	}
}

/* evhttp is not told of a request that couldn't be kept for it: it would wait for one, and the
 * connection for its answer. */
Test(rest_conn_memory, a_request_that_can_not_be_kept_ends_the_connection)
{
	static const char text[] =
		"POST /token HTTP/1.1\r\n" HOST "\r\nGET /a HTTP/1.1\r\n" HOST "\r\nPOST /token HTTP/1.1\r\n" HOST "\r\n";
	turn(SETTLED_MS);
	send(client, text, sizeof text - 1, MSG_NOSIGNAL);
	turn_with(0);
	served("");
	cr_assert_str_eq(hear(), BUSY);
	cr_assert_eq(conns.count, 0);
	cr_assert(closed());
	ended_for(CONN_END_NO_MEMORY, 1);
}

Test(rest_conn, closes_what_has_been_idle_for_long_enough)
{
	turn(SETTLED_MS);
	rest_conns_close_idle(&conns, 1000, 500);
	rest_conns_close_idle(&conns, 1499, 500);
	cr_assert_eq(conns.count, 1, "only since the first look is it known to be idle");
	say(STR("GET /a HTTP/1.1\r\n" HOST));
	rest_conns_close_idle(&conns, 1500, 500);
	cr_assert_eq(conns.count, 1, "a request is coming");
	say(STR("\r\n"));
	served("/a ");
	rest_conns_close_idle(&conns, 1600, 500);
	rest_conns_close_idle(&conns, 2099, 500);
	cr_assert_eq(conns.count, 1, "it begins anew after a request");
	rest_conns_close_idle(&conns, 2100, 500);
	cr_assert_eq(conns.count, 0);
	ended_for(CONN_END_DRAINED, 1);
}

Test(rest_conn, closes_what_is_idle_and_leaves_what_is_not)
{
	int second = conn_server_dial(&server);
	say(STR("GET /a HTTP/1.1\r\n" HOST));
	cr_assert_eq(conns.count, 2);
	rest_conns_close_idle(&conns, 1, 0);
	cr_assert_eq(conns.count, 1);
	say(STR("\r\n"));
	served("/a ");
	rest_conns_close_idle(&conns, 1, 0);
	cr_assert_eq(conns.count, 0);
	close(second);
}

/* 13 bytes of the wire for one of the body. */
Test(rest_conn, a_body_in_the_smallest_chunks_is_received)
{
	static char text[16384 * 13 + 256];
	size_t n = (size_t)snprintf(text, sizeof text, "POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 16384; i++, n += 13)
		memcpy(text + n, "00000001\r\nx\r\n", 13);
	memcpy(text + n, "0\r\n\r\n", 5);
	say(str_from(text, n + 5));
	served("/a ");
}

Test(rest_conn, one_that_never_pauses_leaves_others_their_turn)
{
	static char many[512 * 1024];
	char one[1024];
	int n = snprintf(one, sizeof one, "HEAD / HTTP/1.1\r\n" HOST "X-Padding: %0*d\r\n\r\n", 900, 0);
	size_t length = 0;
	for (; length + (size_t)n <= sizeof many; length += (size_t)n)
		memcpy(many + length, one, (size_t)n);
	int second = conn_server_dial(&server);
	turn(SETTLED_MS);
	setsockopt(client, SOL_SOCKET, SO_SNDBUF, &(int){1024 * 1024}, sizeof(int));
	cr_assert_gt(send(client, many, length, MSG_DONTWAIT | MSG_NOSIGNAL), 200 * 1024);
	cr_assert_gt(send(second, "GET /second HTTP/1.1\r\n" HOST "\r\n", 24 + sizeof HOST - 1, MSG_NOSIGNAL), 0);
	turn(SETTLED_MS);
	const char *there = strstr(seen, "/second ");
	cr_assert_not_null(there);
	cr_assert_lt(there - seen, 2 * 64, "behind %td requests of the other", (there - seen) / 2);
	close(second);
}

Test(rest_conn, what_was_left_for_the_next_turn_is_served)
{
	char many[100 * 32];
	size_t n = 0;
	for (int i = 0; i < 100; i++)
		n += (size_t)snprintf(many + n, sizeof many - n, "GET / HTTP/1.1\r\nHost: abc\r\n\r\n");
	send(client, many, n, MSG_NOSIGNAL);
	shutdown(client, SHUT_WR);
	turn(SETTLED_MS);
	cr_assert_eq(strlen(seen), 200);
	cr_assert(closed());
	cr_assert_eq(conns.count, 0);
}

/* What a gone client has asked for is for nobody. */
Test(rest_conn, what_stands_behind_a_request_whose_client_is_gone_is_dropped)
{
	say(STR("GET /held HTTP/1.1\r\n" HOST "\r\nGET /b HTTP/1.1\r\n" HOST "\r\n"));
	setsockopt(client, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
	close(client);
	turn(SETTLED_MS);
	answer_held();
	turn(SETTLED_MS);
	served("/held ");
	cr_assert_eq(conns.count, 0);
	client = conn_server_dial(&server);
}

Test(rest_conn, who_sends_no_more_still_gets_the_answers)
{
	say(STR("GET /held HTTP/1.1\r\n" HOST "\r\nGET /b HTTP/1.1\r\n" HOST "\r\nGET /c"));
	shutdown(client, SHUT_WR);
	turn(SETTLED_MS);
	answer_held();
	turn(SETTLED_MS);
	served("/held /b ");
	cr_assert(closed());
	cr_assert_eq(conns.count, 0);
	ended_for(CONN_END_CLIENT_CLOSED, 1);
}

/* It is not read yet, but it has come. */
Test(rest_conn, a_request_in_the_socket_is_not_idle)
{
	turn(SETTLED_MS);
	rest_conns_close_idle(&conns, 1000, 500);
	send(client, "G", 1, MSG_NOSIGNAL);
	rest_conns_close_idle(&conns, 2000, 500);
	cr_assert_eq(conns.count, 1);
}

static void up_with_idle_time(void)
{
	up();
	evhttp_set_timeout_tv(server.http, &(struct timeval){0, 200000});
}

TestSuite(rest_conn_idle, .init = up_with_idle_time, .fini = down);

Test(rest_conn_idle, a_silent_connection_is_closed)
{
	turn(150);
	cr_assert_eq(conns.count, 1);
	turn(150);
	cr_assert_eq(conns.count, 0);
	cr_assert(closed());
	ended_for(CONN_END_IDLE, 1);
}

Test(rest_conn_idle, a_request_that_has_begun_ends_idle_time)
{
	turn(150);
	say(STR("GET /a HTTP/1.1\r\n"));
	turn(150);
	say(STR(HOST "\r\n"));
	served("/a ");
	turn(250);
	cr_assert_eq(conns.count, 0, "it begins anew");
}

Test(rest_conn_idle, an_answer_that_nobody_reads_is_given_up)
{
	enum { LENGTH = 16 * 1024 * 1024 };
	say(STR("GET /held HTTP/1.1\r\n" HOST "\r\n"));
	turn(250);
	cr_assert_eq(conns.count, 1, "the service takes the time it takes");
	struct evbuffer *out = evbuffer_new();
	evbuffer_add_reference(out, bytes(LENGTH), LENGTH, NULL, NULL);
	evhttp_send_reply(held, 200, "OK", out);
	evbuffer_free(out);
	rest_conn_flush(holder, CONN_END_NONE);
	turn(100);
	cr_assert_eq(conns.count, 1);
	turn(200);
	cr_assert_eq(conns.count, 0);
	ended_for(CONN_END_UNREAD, 1);
}

static void up_for_two(void)
{
	up_with(3, 10000); /* of which one address may have two */
}

TestSuite(rest_conn_limit, .init = up_for_two, .fini = down);

Test(rest_conn_limit, one_connection_too_many_is_told_so)
{
	int second = conn_server_dial(&server);
	int third = conn_server_dial(&server);
	turn(SETTLED_MS);
	cr_assert_eq(conns.count, 2);
	cr_assert(str_starts(str_from(answer, (size_t)recv(third, answer, sizeof answer, MSG_DONTWAIT)), STR("HTTP/1.1 503 ")));
	say(STR("GET /a HTTP/1.1\r\n" HOST "\r\n"));
	served("/a ");
	close(second);
	close(third);
	ended_for(CONN_END_TOO_MANY, 1);
}

static void up_in_a_hurry(void)
{
	up_with(16, 100);
}

TestSuite(rest_conn_timeout, .init = up_in_a_hurry, .fini = down);

Test(rest_conn_timeout, a_request_that_trickles_is_ended)
{
	for (int i = 0; i < 3; i++)
		say(STR("G"));
	cr_assert(str_starts(str_of(hear()), STR("HTTP/1.1 408 ")));
	cr_assert(closed());
	served("");
	ended_for(CONN_END_REQUEST_TIMEOUT, 1);
}

Test(rest_conn_timeout, a_silent_connection_is_not_a_late_request)
{
	turn(150);
	say(STR("GET /a HTTP/1.1\r\n" HOST "\r\n"));
	turn(150);
	say(STR("GET /b HTTP/1.1\r\n" HOST "\r\n"));
	served("/a /b ");
}

Test(rest_conn_timeout, the_service_is_never_late_by_this_clock)
{
	say(STR("GET /held HTTP/1.1\r\n" HOST "\r\nGET /b"));
	turn(250);
	cr_assert_not(closed());
	answer_held();
	say(STR(" HTTP/1.1\r\n" HOST "\r\n"));
	served("/held /b ");
}

Test(rest_conn_settled, those_that_are_left_are_counted_as_stopped)
{
	up();
	turn(SETTLED_MS);
	cr_assert_eq(conns.count, 1);
	down();
	ended_for(CONN_END_STOPPED, 1);
}
