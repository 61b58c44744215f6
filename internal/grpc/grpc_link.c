/* on_read takes the socket's bytes to nghttp2, whose callbacks tell the calls; flush takes
 * nghttp2's frames to the socket. Frames are made once per turn of the loop, so that the answers
 * of a whole batch leave in one write. Only the functions that the loop itself calls (on_read,
 * on_written, on_event, on_flush, the tick) may end the connection, all through grpc_conn_end. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "grpc/grpc_conn_parts.h"
#include "grpc/grpc_server_parts.h"
#include "grpc/grpc_stream.h"
#include "loop/tls_bufferevent.h"

/* Bytes for a socket that takes no more; nothing is read meanwhile. */
#define OUTPUT_MAX (64 * 1024)
/* libevent takes that many bytes from a socket in a turn of the loop: eight calls with a bearer
 * token each. */
#define INPUT_PIECE 4096
#define INPUT_MAX   (16 * 1024)
#define LINGER_US   1000000 /* for the client to read GOAWAY and close */
/* Between the notice and the last GOAWAY: if the client is silent, and if it sends but answers
 * no PING. */
#define GOAWAY_WAIT_US 1000000
#define GOAWAY_MOST_US 30000000

struct grpc_conn *grpc_conn_of_node(struct list *node)
{
	return LIST_OWNER(node, struct grpc_conn, node);
}

/* ---- the exit ---- */

void grpc_conn_end(struct grpc_conn *c, enum conn_end why)
{
	conn_end_decide(&c->end, why);
	grpc_conn_move(c, GRPC_GONE);
	list_remove(&c->node);
	grpc_conn_drop_calls(c);
	while (!list_empty(&c->orphans))
		grpc_call_forget_parent(grpc_call_of_conn_node(c->orphans.next));
	grpc_server_conn_gone(c->server, c->peer, c->end);
	nghttp2_session_del(c->session);
	if (c->flush != NULL)
		event_free(c->flush);
	if (c->bev != NULL) {
		tls_say_bye(grpc_server_tls(c->server), c->bev);
		bufferevent_free(c->bev);
	}
	client_certificate_free(c->certificate);
	free(c);
}

/* A close with unread bytes would make the kernel send a reset, which can overtake the GOAWAY:
 * so our side is closed first, and what still comes is thrown away for a moment. */
static void linger(struct grpc_conn *c)
{
	/* nghttp2 has found a fault, and told the client */
	if (c->end == CONN_END_NONE)
		c->end = CONN_END_MALFORMED;
	grpc_conn_move(c, GRPC_LINGERING);
	c->bye_us = clock_mono_us();
	grpc_conn_drop_calls(c);
	tls_say_bye(grpc_server_tls(c->server), c->bev);
	shutdown(bufferevent_getfd(c->bev), SHUT_WR);
	bufferevent_enable(c->bev, EV_READ);
}

/* Frames -> socket. False: the connection is freed. */
static bool flush(struct grpc_conn *c)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	while (c->phase != GRPC_SILENT && c->phase <= GRPC_LEAVING && evbuffer_get_length(out) < OUTPUT_MAX) {
		const uint8_t *bytes = NULL;
		ssize_t n = nghttp2_session_mem_send(c->session, &bytes);
		if (n < 0 || (n > 0 && evbuffer_add(out, bytes, (size_t)n) != 0)) {
			grpc_conn_end(c, CONN_END_NO_MEMORY);
			return false;
		}
		if (n == 0)
			break;
	}
	if (evbuffer_get_length(out) >= OUTPUT_MAX)
		bufferevent_disable(c->bev, EV_READ);
	if (evbuffer_get_length(out) > 0 || c->phase == GRPC_LINGERING)
		return true;
	bool over = c->phase == GRPC_CLOSING || !nghttp2_session_want_write(c->session);
	if (over && (!grpc_conn_reads(c) || !nghttp2_session_want_read(c->session)))
		linger(c);
	return true;
}

static void on_read(struct bufferevent *bev, void *arg);

/* Reads again, if there is nothing any more that keeps it from that. May free the connection. */
static void read_on(struct grpc_conn *c)
{
	if (c->waiting && c->orphans_n <= grpc_server_conn_calls_max(c->server) / 2)
		c->waiting = false;
	if (c->waiting || evbuffer_get_length(bufferevent_get_output(c->bev)) >= OUTPUT_MAX)
		return;
	bufferevent_enable(c->bev, EV_READ);
	if (evbuffer_get_length(bufferevent_get_input(c->bev)) > 0)
		on_read(c->bev, c);
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct grpc_conn *c = arg;
	if (flush(c) && c->waiting)
		read_on(c);
}

/* Everything lies with the kernel. */
static void on_written(struct bufferevent *bev, void *arg)
{
	(void)bev;
	struct grpc_conn *c = arg;
	if (flush(c))
		read_on(c);
}

/* A person with curl, or a probe at the wrong port, should not have to guess. Our SETTINGS wait
 * for the client's, so nothing has been sent yet. */
static void answer_stranger(struct grpc_conn *c, struct str said)
{
	static const char *const methods[] = {"GET ", "HEAD ", "POST ", "PUT ", "OPTIONS ", "DELETE ", "PATCH "};
	static const char text[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
				   "This port speaks gRPC, over HTTP/2 with prior knowledge only.\n";
	conn_end_decide(&c->end, CONN_END_NOT_HTTP2);
	grpc_conn_move(c, GRPC_CLOSING);
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (str_starts(said, str_of(methods[i])))
			evbuffer_add(bufferevent_get_output(c->bev), text, sizeof text - 1);
}

/* Too many calls that were cancelled are still being worked on: what the client sends waits for
 * them. */
static bool must_wait(struct grpc_conn *c)
{
	if (c->orphans_n < grpc_server_conn_calls_max(c->server))
		return false;
	c->waiting = true;
	bufferevent_disable(c->bev, EV_READ);
	return true;
}

/* Frame by frame, as far as the connection goes on. Returns how many bytes were worked on. */
static size_t feed(struct grpc_conn *c, struct str in)
{
	size_t done = 0;
	while (done < in.n && grpc_conn_reads(c) && !must_wait(c)) {
		const struct str rest = str_from(in.p + done, in.n - done);
		nghttp2_frame_hd hd;
		bool begins = false;
		size_t n = grpc_frames_next(&c->frames, rest, &hd, &begins);
		if (begins && !grpc_guard_frame(c, &hd))
			grpc_conn_drain(c, CONN_END_MANY_CANCELS);
		if (!grpc_conn_reads(c))
			break;
		ssize_t taken = nghttp2_session_mem_recv(c->session, (const uint8_t *)rest.p, n);
		if (taken == NGHTTP2_ERR_BAD_CLIENT_MAGIC)
			answer_stranger(c, rest);
		else if (taken < 0)
			grpc_conn_go_away(c, NGHTTP2_ENHANCE_YOUR_CALM,
					  taken == NGHTTP2_ERR_NOMEM ? CONN_END_NO_MEMORY : CONN_END_MALFORMED,
					  nghttp2_strerror((int)taken));
		done += n;
	}
	return done;
}

/* What else the socket has, up to INPUT_MAX, so that the calls of a client with one connection go
 * into one batch. Of a connection that has ended, the loop tells in its next turn. */
static void read_rest(struct bufferevent *bev, struct evbuffer *in)
{
	struct evbuffer_iovec room;
	size_t n = evbuffer_get_length(in);
	if (n < INPUT_PIECE || n >= INPUT_MAX || tls_bufferevent_encrypts(bev))
		return;
	evbuffer_unfreeze(in, 0);
	if (evbuffer_reserve_space(in, (ev_ssize_t)(INPUT_MAX - n), &room, 1) == 1) {
		ssize_t more = recv(bufferevent_getfd(bev), room.iov_base, INPUT_MAX - n, MSG_DONTWAIT);
		room.iov_len = more > 0 ? (size_t)more : 0;
		evbuffer_commit_space(in, &room, 1);
	}
	evbuffer_freeze(in, 0);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct grpc_conn *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	struct evbuffer_iovec piece;
	if (grpc_conn_reads(c) && !c->waiting)
		read_rest(bev, in);
	if (c->phase == GRPC_SILENT)
		grpc_conn_move(c, GRPC_HEARD);
	c->received_us = clock_mono_us();
	while (grpc_conn_reads(c) && !c->waiting && evbuffer_peek(in, -1, NULL, &piece, 1) > 0)
		evbuffer_drain(in, feed(c, str_from(piece.iov_base, piece.iov_len)));
	if (!grpc_conn_reads(c))
		evbuffer_drain(in, evbuffer_get_length(in));
	flush(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct grpc_conn *c = arg;
	if (what & BEV_EVENT_CONNECTED) { /* the handshake has ended */
		c->shaking = false;
		if (tls_bufferevent_certificate(bev, &c->certificate) == ERR_NO_MEMORY)
			grpc_conn_end(c, CONN_END_NO_MEMORY);
		return;
	}
	if (what & BEV_EVENT_TIMEOUT)
		grpc_conn_end(c, CONN_END_UNREAD);
	else if (what & BEV_EVENT_EOF)
		grpc_conn_end(c, CONN_END_CLIENT_CLOSED);
	else
		grpc_conn_end(c, c->shaking ? CONN_END_HANDSHAKE_FAILED : CONN_END_LOST);
}

/* ---- time ---- */

/* Nothing is read, since the client doesn't take what is for it. */
static bool is_unread(const struct grpc_conn *c)
{
	return evbuffer_get_length(bufferevent_get_output(c->bev)) > 0 && (bufferevent_get_enabled(c->bev) & EV_READ) == 0;
}

/* What the client has sent lies unread, here or in the kernel: its answer to the PING may stand
 * behind it. */
static bool has_unread(const struct grpc_conn *c)
{
	char next;
	return c->waiting || recv(bufferevent_getfd(c->bev), &next, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* It is time for the last GOAWAY. Streams that the client opened before it knew are taken, so an
 * honest client loses none of them, however far behind either side is. */
static bool knows_the_notice(const struct grpc_conn *c, int64_t now_us)
{
	int64_t heard_us = c->received_us > c->bye_us ? c->received_us : c->bye_us;
	if (c->ping_us == 0 || now_us - c->bye_us > GOAWAY_MOST_US)
		return true;
	return now_us - heard_us > GOAWAY_WAIT_US && !has_unread(c);
}

void grpc_conn_tick(struct grpc_conn *c, int64_t now_us)
{
	const struct config *config = grpc_server_env(c->server)->config;
	const int64_t receive_us = (int64_t)config->receive_timeout_ms * 1000;
	const int64_t idle_us = (int64_t)config->idle_timeout_ms * 1000;
	if (c->phase == GRPC_LINGERING) {
		if (now_us - c->bye_us > LINGER_US)
			grpc_conn_end(c, c->end);
		return;
	}
	if (!grpc_conn_reads(c))
		return;
	if (c->phase <= GRPC_HEARD && now_us - c->idle_since_us > receive_us) {
		grpc_conn_go_away(c, NGHTTP2_SETTINGS_TIMEOUT, c->shaking ? CONN_END_GREETING_TIMEOUT : CONN_END_NO_SETTINGS, NULL);
		return;
	}
	for (struct list *it = c->calls.next, *next; it != &c->calls && grpc_conn_reads(c); it = next) {
		next = it->next;
		if (!grpc_call_tick(grpc_call_of_conn_node(it), now_us))
			grpc_conn_go_away(c, NGHTTP2_ENHANCE_YOUR_CALM, is_unread(c) ? CONN_END_UNREAD : CONN_END_HEADERS_SLOW, NULL);
	}
	if (c->phase == GRPC_NOTICED && knows_the_notice(c, now_us))
		grpc_conn_say_bye(c);
	if (c->calls_open == 0) {
		if (now_us - c->idle_since_us > idle_us)
			grpc_conn_drain(c, CONN_END_IDLE);
	} else if (c->waiting) {
		return; /* its answer to a PING would not be read */
	} else if (c->ping_us == 0 && now_us - c->received_us > idle_us) {
		/* calls are open and the client is silent: is it there? */
		c->ping_us = now_us;
		nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL);
		grpc_conn_wake(c);
	} else if (c->ping_us != 0 && c->phase < GRPC_NOTICED && c->received_us < c->ping_us && now_us - c->ping_us > receive_us) {
		grpc_conn_end(c, CONN_END_PING_TIMEOUT);
	}
}

/* ---- the beginning ---- */

void grpc_conn_open(struct grpc_server *server, struct list *list, int fd, struct tls *tls, const struct remote *remote)
{
	const struct config *config = grpc_server_env(server)->config;
	const struct timeval write_timeout = {config->receive_timeout_ms / 1000, (config->receive_timeout_ms % 1000) * 1000};
	struct event_base *base = grpc_server_base(server);
	struct grpc_conn *c = calloc(1, sizeof *c);
	if (c == NULL) {
		grpc_server_turn_away(server, fd, CONN_END_NO_MEMORY);
		return;
	}
	c->peer = grpc_server_conn_opened(server, remote_text(remote));
	if (c->peer == NULL) {
		free(c);
		grpc_server_turn_away(server, fd, CONN_END_TOO_MANY);
		return;
	}
	list_init(&c->calls);
	list_init(&c->orphans);
	grpc_frames_init(&c->frames);
	c->server = server;
	c->remote = *remote;
	c->shaking = tls != NULL && config->grpc.tls;
	c->idle_since_us = c->received_us = clock_mono_us();
	grpc_guard_init(c, c->received_us);
	c->flush = event_new(base, -1, 0, on_flush, c);
	c->session = grpc_conn_session(c);
	c->bev = tls_bufferevent(tls, TLS_GRPC, base, fd);
	list_append(list, &c->node);
	if (c->bev == NULL)
		close(fd);
	if (c->bev == NULL || c->session == NULL || c->flush == NULL) {
		grpc_conn_end(c, CONN_END_NO_MEMORY);
		return;
	}
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_set_timeouts(c->bev, NULL, &write_timeout);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}
