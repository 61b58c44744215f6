#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/instructions_callers.h"

enum { CALLS = 8, CONNECTIONS = CALLERS / CALLS, PREFIX = 5 };

struct call {
	struct callers *of;
	bool waiting, whole, failed;
	size_t asked; /* bytes of the request that are sent */
	size_t n;
	char answer[2048];
};

struct link {
	int fd;
	nghttp2_session *session;
	struct call calls[CALLS];
	size_t out_n;
	uint8_t out[16384];
};

struct callers {
	struct link links[CONNECTIONS];
	uint8_t request[512];
	size_t request_n;
	char authorization[1024];
};

/* ---- what nghttp2 asks and tells ---- */

/* All frames of a turn leave in one piece, so that the kernel delivers them at once. */
static ssize_t keep_bytes(nghttp2_session *session, const uint8_t *p, size_t n, int flags, void *link)
{
	(void)session;
	(void)flags;
	struct link *l = link;
	if (n > sizeof l->out - l->out_n)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	memcpy(l->out + l->out_n, p, n);
	l->out_n += n;
	return (ssize_t)n;
}

static bool send_kept(struct link *l)
{
	size_t n = l->out_n;
	l->out_n = 0;
	return n == 0 || send(l->fd, l->out, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_n, const uint8_t *value,
		     size_t value_n, uint8_t flags, void *link)
{
	(void)flags;
	(void)link;
	struct call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (name_n == sizeof "grpc-status" - 1 && memcmp(name, "grpc-status", name_n) == 0)
		call->failed = value_n != 1 || value[0] != '0';
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *p, size_t n, void *link)
{
	(void)flags;
	(void)link;
	struct call *call = nghttp2_session_get_stream_user_data(session, stream);
	if (n > sizeof call->answer - call->n)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	memcpy(call->answer + call->n, p, n);
	call->n += n;
	return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *link)
{
	(void)link;
	struct call *call = nghttp2_session_get_stream_user_data(session, stream);
	call->whole = true;
	call->failed |= error != NGHTTP2_NO_ERROR;
	return 0;
}

static ssize_t read_request(nghttp2_session *session, int32_t stream, uint8_t *to, size_t n, uint32_t *flags, nghttp2_data_source *source,
			    void *link)
{
	(void)session;
	(void)stream;
	(void)link;
	struct call *call = source->ptr;
	size_t left = call->of->request_n - call->asked, now = left < n ? left : n;
	memcpy(to, call->of->request + call->asked, now);
	call->asked += now;
	if (now == left)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)now;
}

/* ---- connections ---- */

static bool open_link(struct callers *c, struct link *l, uint16_t port)
{
	static const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
	nghttp2_session_callbacks *callbacks = NULL;
	l->fd = callers_connect(port);
	if (l->fd < 0 || nghttp2_session_callbacks_new(&callbacks) != 0)
		return false;
	nghttp2_session_callbacks_set_send_callback(callbacks, keep_bytes);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	bool ok = nghttp2_session_client_new(&l->session, callbacks, l) == 0 &&
		  nghttp2_submit_settings(l->session, NGHTTP2_FLAG_NONE, settings, 1) == 0;
	nghttp2_session_callbacks_del(callbacks);
	for (unsigned i = 0; i < CALLS; i++)
		l->calls[i].of = c;
	return ok;
}

/* A field of m2m.v1.IssueTokenRequest, shorter than 128 bytes. */
static void put_field(struct callers *c, uint8_t number, const char *text)
{
	size_t n = strlen(text);
	c->request[c->request_n++] = (uint8_t)(number << 3 | 2);
	c->request[c->request_n++] = (uint8_t)n;
	memcpy(c->request + c->request_n, text, n);
	c->request_n += n;
}

static struct callers *open_links(uint16_t port, const char *client_id, const char *secret, struct str admin)
{
	static struct callers c;
	snprintf(c.authorization, sizeof c.authorization, "Bearer %.*s", (int)admin.n, admin.p);
	c.request_n = PREFIX;
	put_field(&c, 1, "client_credentials");
	put_field(&c, 2, client_id);
	put_field(&c, 3, secret);
	c.request[PREFIX - 1] = (uint8_t)(c.request_n - PREFIX);
	for (unsigned i = 0; i < CONNECTIONS; i++)
		if (!open_link(&c, &c.links[i], port))
			return NULL;
	return &c;
}

/* ---- turns ---- */

static bool ask(struct link *l, struct call *call)
{
#define FIELD(name, value) {(uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, sizeof(value) - 1, NGHTTP2_NV_FLAG_NONE}
	nghttp2_nv head[] = {
		FIELD(":method", "POST"),
		FIELD(":scheme", "http"),
		FIELD(":path", "/m2m.v1.M2MClients/IssueToken"),
		FIELD(":authority", "gateway.example:9090"),
		FIELD("content-type", "application/grpc"),
		FIELD("te", "trailers"),
		FIELD("grpc-accept-encoding", "identity, deflate, gzip"),
		FIELD("user-agent", "instructions/1.0"),
		FIELD("authorization", ""),
	};
#undef FIELD
	nghttp2_nv *authorization = &head[sizeof head / sizeof head[0] - 1];
	authorization->value = (uint8_t *)call->of->authorization;
	authorization->valuelen = strlen(call->of->authorization);
	nghttp2_data_provider body = {.source.ptr = call, .read_callback = read_request};
	*call = (struct call){.of = call->of, .waiting = true};
	return nghttp2_submit_request(l->session, NULL, head, sizeof head / sizeof head[0], &body, call) > 0;
}

static bool take(struct link *l)
{
	static uint8_t bytes[65536];
	ssize_t n = recv(l->fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN;
	return n > 0 && nghttp2_session_mem_recv(l->session, bytes, (size_t)n) == n;
}

/* The first field of m2m.v1.IssueTokenResponse, of 128 to 16383 bytes. */
static struct str token_in(const struct call *call)
{
	const uint8_t *p = (const uint8_t *)call->answer + PREFIX;
	size_t n = (p[1] & 0x7fU) | (size_t)p[2] << 7;
	return call->n < PREFIX + 3 + n ? (struct str){0} : str_from(call->answer + PREFIX + 3, n);
}

/* Calls that are under way. */
static unsigned open_calls(const struct link *l)
{
	unsigned n = 0;
	for (unsigned i = 0; i < CALLS; i++)
		n += l->calls[i].waiting && !l->calls[i].whole;
	return n;
}

/* False unless each call that was made has its token. */
static bool take_answers(struct link *l, unsigned *answered, struct str *first_token)
{
	static struct call first; /* asking again wipes it */
	for (unsigned i = 0; i < CALLS && l->calls[i].waiting; i++) {
		if (l->calls[i].failed || l->calls[i].n < PREFIX + 3)
			return false;
		if ((*answered)++ == 0) {
			first = l->calls[i];
			*first_token = token_in(&first);
		}
	}
	return true;
}

/* The first time a single call, which fills HPACK's table; then all at once. */
static bool ask_again(struct link *l)
{
	unsigned n = l->calls[0].waiting ? CALLS : 1;
	for (unsigned i = 0; i < n; i++)
		if (!ask(l, &l->calls[i]))
			return false;
	return true;
}

static bool link_turn(struct link *l, unsigned *answered, struct str *first_token, const char **ret_why)
{
	*ret_why = "a connection was closed";
	if (!take(l))
		return false;
	if (open_calls(l) == 0) {
		*ret_why = "a call was not answered with a token";
		if (!take_answers(l, answered, first_token))
			return false;
		*ret_why = "a call can't be made";
		if (!ask_again(l))
			return false;
	}
	*ret_why = "a request can't be sent";
	return nghttp2_session_send(l->session) == 0 && send_kept(l);
}

static bool turn(struct callers *c, unsigned n, unsigned *answered, struct str *first_token, const char **ret_why)
{
	for (unsigned i = 0; i < n / CALLS; i++)
		if (!link_turn(&c->links[i], answered, first_token, ret_why))
			return false;
	return true;
}

const struct callers_kind callers_grpc = {open_links, turn};
