/* on_readable takes the socket's bytes to nghttp2, whose callbacks tell the calls; flush takes
 * nghttp2's frames to the socket. Frames are made once per turn of the loop, and behind its tokens
 * (grpc_server_flush), so that a connection's answers leave in one write. Only what no call calls
 * may end the connection: on_readable, on_writable, grpc_conn_flush, grpc_conn_read_on, the tick
 * and the server's end, all through grpc_conn_end.
 *
 * The socket is polled here, as rest_conn.c does and for its reasons: a bufferevent asks the kernel
 * how much there is before it reads, and to watch the socket anew twice an answer. */
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "grpc/grpc_conn_parts.h"
#include "grpc/grpc_server_parts.h"
#include "grpc/grpc_stream.h"

/* Bytes for a socket that takes no more; nothing is read meanwhile. */
#define OUTPUT_MAX (64 * 1024)
/* TLS records that are read in a turn of the loop. */
#define READS_MAX 4
#define LINGER_US 1000000 /* for the client to read GOAWAY and close */
/* Between the notice and the last GOAWAY: if the client is silent, and if it sends but answers
 * no PING. */
#define GOAWAY_WAIT_US 1000000
#define GOAWAY_MOST_US 30000000

struct grpc_conn *grpc_conn_of_node(struct list *node)
{
	return LIST_OWNER(node, struct grpc_conn, node);
}

/* ---- the exit ---- */

static void free_event(struct event *event)
{
	if (event != NULL)
		event_free(event);
}

void grpc_conn_end(struct grpc_conn *c, enum conn_end why)
{
	conn_end_decide(&c->end, why);
	grpc_conn_move(c, GRPC_GONE);
	list_remove(&c->node);
	cooling_end(&c->cooled);
	grpc_conn_drop_calls(c);
	while (!list_empty(&c->orphans))
		grpc_call_forget_parent(grpc_call_of_conn_node(c->orphans.next));
	grpc_server_conn_gone(c->server, c->peer, c->end);
	nghttp2_session_del(c->session);
	free_event(c->readable);
	free_event(c->writable);
	if (c->in != NULL)
		evbuffer_free(c->in);
	grpc_sink_clear(&c->out);
	tls_stream_end(&c->stream);
	close(c->stream.fd);
	client_certificate_free(c->certificate);
	list_remove(&c->awake); /* whoever ended above may have woken it */
	free(c);
}

static void set_reading(struct grpc_conn *c, bool reading)
{
	if (reading == c->reading)
		return;
	c->reading = reading;
	if (!reading)
		event_del(c->readable);
	else if (event_add(c->readable, NULL) != 0)
		grpc_conn_give_up(c);
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
	tls_stream_end(&c->stream);
	shutdown(c->stream.fd, SHUT_WR);
	set_reading(c, true);
}

/* ---- frames to the socket ---- */

static void write_later(struct grpc_conn *c)
{
	const unsigned ms = grpc_server_env(c->server)->config->receive_timeout_ms;
	c->writing = true;
	if (event_pending(c->writable, EV_WRITE | EV_TIMEOUT, NULL) == 0)
		event_add(c->writable, &(struct timeval){ms / 1000, (ms % 1000) * 1000});
}

static void write_no_more(struct grpc_conn *c)
{
	c->writing = false;
	event_del(c->writable);
}

/* As much of the output as the socket takes; it is asked for nothing during the handshake. */
static enum err write_output(struct grpc_conn *c)
{
	if (c->shaking)
		return grpc_sink_keep(&c->out);
	enum err err = grpc_sink_send(&c->out, &c->stream);
	if (err == ERR_OVERLOADED)
		write_later(c);
	else if (err == ERR_OK && !c->stream.stuck && c->writing)
		write_no_more(c);
	return err == ERR_OVERLOADED ? ERR_OK : err;
}

static bool gather_frames(struct grpc_conn *c)
{
	while (c->phase != GRPC_SILENT && c->phase <= GRPC_LEAVING && grpc_sink_length(&c->out) < OUTPUT_MAX) {
		const uint8_t *bytes = NULL;
		ssize_t n = nghttp2_session_mem_send(c->session, &bytes);
		if (n < 0 || (n > 0 && grpc_conn_put_frame(c, str_from(bytes, (size_t)n)) != ERR_OK))
			return false;
		if (n == 0)
			break;
	}
	return true;
}

/* Frames -> socket. False: the connection is freed. */
static bool flush(struct grpc_conn *c)
{
	bool full = false;
	do {
		if (!gather_frames(c)) {
			grpc_conn_end(c, CONN_END_NO_MEMORY);
			return false;
		}
		full = grpc_sink_length(&c->out) >= OUTPUT_MAX;
		enum err err = write_output(c);
		if (err != ERR_OK) {
			grpc_conn_end(c, err == ERR_IO ? CONN_END_LOST : CONN_END_NO_MEMORY);
			return false;
		}
	} while (full && grpc_sink_length(&c->out) == 0);
	if (grpc_sink_length(&c->out) >= OUTPUT_MAX)
		set_reading(c, false);
	if (grpc_sink_length(&c->out) > 0 || c->phase == GRPC_LINGERING)
		return true;
	bool over = c->phase == GRPC_CLOSING || !nghttp2_session_want_write(c->session);
	if (over && (!grpc_conn_reads(c) || !nghttp2_session_want_read(c->session)))
		linger(c);
	return true;
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
	enum err ignored = ERR_OK; /* no memory: no answer */
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (str_starts(said, str_of(methods[i])))
			ignored = grpc_sink_put(&c->out, str_from(text, sizeof text - 1));
	(void)ignored;
}

/* Nothing more is read. */
static bool is_held(const struct grpc_conn *c)
{
	return c->waiting || is_cooling(&c->cooled);
}

/* Where too many calls that were cancelled are still being worked on, what was read waits for
 * them. */
static bool must_wait(struct grpc_conn *c)
{
	if (c->orphans_n >= grpc_server_conn_calls_max(c->server))
		c->waiting = true;
	if (is_held(c))
		set_reading(c, false);
	return c->waiting;
}

/* Frame by frame, as far as the connection goes on. Returns how many bytes were worked on. */
static size_t feed(struct grpc_conn *c, struct str in)
{
	size_t done = 0;
	while (grpc_conn_reads(c) && !must_wait(c) && done < in.n) {
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

static bool has_pending(const struct grpc_conn *c)
{
	return c->in != NULL && evbuffer_get_length(c->in) > 0;
}

/* What was read, behind what waits. False: out of memory. */
static bool take(struct grpc_conn *c, struct str bytes)
{
	if (c->phase == GRPC_SILENT)
		grpc_conn_move(c, GRPC_HEARD);
	c->received_us = clock_mono_us();
	size_t done = has_pending(c) ? 0 : feed(c, bytes);
	if (!grpc_conn_reads(c) || done == bytes.n)
		return true;
	if (c->in == NULL)
		c->in = evbuffer_new();
	return c->in != NULL && evbuffer_add(c->in, bytes.p + done, bytes.n - done) == 0;
}

/* Whether the handshake is over. What the client has shown is known then. */
static enum err greet(struct grpc_conn *c, ssize_t n)
{
	c->shaking = tls_stream_shaking(&c->stream);
	if (c->shaking)
		return n == TLS_STREAM_LATER ? ERR_OK : ERR_MALFORMED;
	/* one that can't be read is none, as over REST */
	return tls_stream_certificate(&c->stream, &c->certificate) == ERR_NO_MEMORY ? ERR_NO_MEMORY : ERR_OK;
}

/* What was read is taken in. Why the connection ends now; CONN_END_NONE: it goes on. */
static enum conn_end note_read(struct grpc_conn *c, const char *bytes, ssize_t n)
{
	enum err err = c->shaking ? greet(c, n) : ERR_OK;
	if (n == 0)
		return CONN_END_CLIENT_CLOSED;
	if (err != ERR_OK)
		return err == ERR_NO_MEMORY ? CONN_END_NO_MEMORY : CONN_END_HANDSHAKE_FAILED;
	if (n == TLS_STREAM_LATER)
		return CONN_END_NONE;
	if (n < 0)
		return CONN_END_LOST;
	return take(c, str_from(bytes, (size_t)n)) ? CONN_END_NONE : CONN_END_NO_MEMORY;
}

static enum conn_end read_once(struct grpc_conn *c, ssize_t *ret_n)
{
	struct str chunk = grpc_server_chunk(c->server);
	ssize_t n = *ret_n = tls_stream_read(&c->stream, (char *)chunk.p, chunk.n);
	enum conn_end end = note_read(c, chunk.p, n);
	if (n > 0)
		explicit_bzero((char *)chunk.p, (size_t)n); /* a secret may be in there */
	return end;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct grpc_conn *c = arg;
	ssize_t n = 0;
	int reads = 0;
	do {
		enum conn_end end = read_once(c, &n);
		if (end != CONN_END_NONE) {
			grpc_conn_end(c, end);
			return;
		}
	} while (n > 0 && c->reading && ++reads < READS_MAX && tls_stream_holds(&c->stream));
	if (n > 0 && c->reading && tls_stream_holds(&c->stream))
		event_active(c->readable, EV_READ, 0); /* the socket itself may not tell */
	if (c->stream.stuck)
		write_later(c);
	flush(c);
}

/* Reads again, if there is nothing any more that keeps it from that. May free the connection. */
static void read_on(struct grpc_conn *c)
{
	struct evbuffer_iovec piece;
	bool fed = false;
	if (c->waiting && c->orphans_n <= grpc_server_conn_calls_max(c->server) / 2)
		c->waiting = false;
	if (is_held(c) || grpc_sink_length(&c->out) >= OUTPUT_MAX)
		return;
	while (grpc_conn_reads(c) && !c->waiting && has_pending(c)) {
		evbuffer_peek(c->in, -1, NULL, &piece, 1);
		evbuffer_drain(c->in, feed(c, str_from(piece.iov_base, piece.iov_len)));
		fed = true;
	}
	if (!grpc_conn_reads(c) && has_pending(c))
		evbuffer_drain(c->in, evbuffer_get_length(c->in));
	if (!is_held(c) && !c->reading) {
		set_reading(c, true);
		if (tls_stream_holds(&c->stream))
			event_active(c->readable, EV_READ, 0);
	}
	if (fed)
		flush(c);
}

void grpc_conn_read_on(struct cooled *cooled)
{
	read_on(LIST_OWNER(cooled, struct grpc_conn, cooled));
}

void grpc_conn_flush(struct list *awake)
{
	struct grpc_conn *c = LIST_OWNER(awake, struct grpc_conn, awake);
	if (flush(c))
		read_on(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct grpc_conn *c = arg;
	if (c->stream.stuck && grpc_sink_length(&c->out) == 0)
		on_readable(fd, EV_READ, c); /* a handshake that had more to say than the socket took */
	else if (what & EV_TIMEOUT)
		grpc_conn_end(c, CONN_END_UNREAD);
	else if (flush(c))
		read_on(c);
}

/* ---- time ---- */

/* Nothing is read, since the client doesn't take what is for it. */
static bool is_unread(const struct grpc_conn *c)
{
	return grpc_sink_length(&c->out) > 0 && !c->reading;
}

/* What the client has sent lies unread, here or in the kernel: its answer to the PING may stand
 * behind it. */
static bool has_unread(const struct grpc_conn *c)
{
	char next;
	return is_held(c) || tls_stream_holds(&c->stream) || recv(c->stream.fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
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
	} else if (is_held(c)) {
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
	list_init(&c->awake);
	list_init(&c->calls);
	list_init(&c->orphans);
	grpc_frames_init(&c->frames);
	c->server = server;
	c->remote = *remote;
	c->idle_since_us = c->received_us = clock_mono_us();
	grpc_guard_init(c, c->received_us);
	list_append(list, &c->node);
	grpc_sink_init(&c->out, grpc_server_gathered(server));
	bool good = tls_stream_init(&c->stream, tls, TLS_GRPC, fd) == ERR_OK;
	c->shaking = tls_stream_shaking(&c->stream);
	c->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, c);
	c->writable = event_new(base, fd, EV_WRITE, on_writable, c);
	c->session = grpc_conn_session(c);
	if (!good || c->readable == NULL || c->writable == NULL || c->session == NULL || event_add(c->readable, NULL) != 0)
		grpc_conn_end(c, CONN_END_NO_MEMORY);
	else
		c->reading = true;
}
