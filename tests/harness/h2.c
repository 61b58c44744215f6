#include "harness/h2.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "harness/http.h"
#include "harness/require.h"

#define HEAD_LEN   9 /* of a frame */
#define PREFIX_LEN 5 /* of a gRPC message */

/* ---- the connection ---- */

static bool bind_to(int fd, const char *from)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	if (from == NULL)
		return true;
	return inet_pton(AF_INET, from, &address.sin_addr) == 1 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

static bool connect_from(struct h2 *c, const char *from, uint16_t port, int receive_buffer)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	*c = (struct h2){.stream = 1, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	if (c->fd < 0)
		return false;
	int on = 1;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	struct timeval limit = {.tv_sec = H2_TIMEOUT_MS / 1000};
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (receive_buffer > 0)
		setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
	if (bind_to(c->fd, from) && connect(c->fd, (struct sockaddr *)&address, sizeof address) == 0 &&
	    nghttp2_hd_inflate_new(&c->inflater) == 0)
		return true;
	fprintf(stderr, "no connection to port %u: %s\n", port, strerror(errno));
	h2_close(c);
	return false;
}

bool h2_connect(struct h2 *c, uint16_t port, int receive_buffer)
{
	return connect_from(c, NULL, port, receive_buffer);
}

static const uint8_t hello[] = H2_PREFACE "\0\0\0\x4\0\0\0\0"; /* and the literal's own NUL */

bool h2_open_on(struct h2 *c, int fd, const void *first, size_t n)
{
	*c = (struct h2){.stream = 1, .fd = fd};
	return nghttp2_hd_inflate_new(&c->inflater) == 0 && h2_send_bytes(c, first, n) && h2_send_bytes(c, hello, sizeof hello);
}

bool h2_open_from(struct h2 *c, const char *address, uint16_t port)
{
	return connect_from(c, address, port, 0) && h2_send_bytes(c, hello, sizeof hello);
}

bool h2_open(struct h2 *c, uint16_t port)
{
	return h2_open_from(c, NULL, port);
}

static void end_calls(struct h2 *c)
{
	for (; c->calls != NULL; c->calls = c->calls->next)
		c->calls->done = true;
}

void h2_close(struct h2 *c)
{
	if (c->fd >= 0)
		close(c->fd);
	if (c->inflater != NULL) /* nghttp2 1.52 follows it without a look */
		nghttp2_hd_inflate_del(c->inflater);
	end_calls(c);
	c->inflater = NULL;
	c->fd = -1;
}

void h2_abort(struct h2 *c)
{
	struct linger now = {.l_onoff = 1};
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	h2_close(c);
}

/* ---- frames out ---- */

void h2_put(struct h2_out *out, const void *bytes, size_t n)
{
	require(n <= sizeof out->p - out->n, "more than H2_OUT_MAX to send at once");
	if (n > 0)
		memcpy(out->p + out->n, bytes, n);
	out->n += n;
}

static void put_u32(struct h2_out *out, uint32_t v)
{
	h2_put(out, (const uint8_t[]){(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v}, 4);
}

void h2_put_head(struct h2_out *out, uint8_t type, uint8_t flags, uint32_t stream, size_t length)
{
	h2_put(out, (const uint8_t[]){(uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length, type, flags}, 5);
	put_u32(out, stream);
}

void h2_put_frame(struct h2_out *out, uint8_t type, uint8_t flags, uint32_t stream, const void *payload, size_t n)
{
	h2_put_head(out, type, flags, stream, n);
	h2_put(out, payload, n);
}

void h2_put_number(struct h2_out *out, uint8_t type, uint32_t stream, uint32_t number)
{
	h2_put_head(out, type, 0, stream, 4);
	put_u32(out, number);
}

/* RFC 7541 section 5.1, with a prefix of 7 bits and none of the bits before it set: also a
 * string's length without Huffman coding. */
static void put_hpack_string(struct h2_out *out, const char *text, size_t n)
{
	size_t rest = n;
	if (rest < 0x7f) {
		h2_put(out, &(uint8_t){(uint8_t)rest}, 1);
	} else {
		h2_put(out, "\x7f", 1);
		for (rest -= 0x7f; rest >= 0x80; rest >>= 7)
			h2_put(out, &(uint8_t){(uint8_t)(rest | 0x80)}, 1);
		h2_put(out, &(uint8_t){(uint8_t)rest}, 1);
	}
	h2_put(out, text, n);
}

void h2_put_field(struct h2_out *out, const char *name, const char *value)
{
	h2_put(out, "\0", 1);
	put_hpack_string(out, name, strlen(name));
	put_hpack_string(out, value, strlen(value));
}

void h2_put_headers(struct h2_out *out, uint8_t flags, uint32_t stream, const struct h2_out *block)
{
	uint8_t type = NGHTTP2_HEADERS;
	size_t at = 0;
	do {
		size_t n = block->n - at < H2_FRAME_MAX ? block->n - at : H2_FRAME_MAX;
		uint8_t end = at + n == block->n ? NGHTTP2_FLAG_END_HEADERS : 0;
		h2_put_frame(out, type, flags | end, stream, block->p + at, n);
		type = NGHTTP2_CONTINUATION;
		flags = 0;
		at += n;
	} while (at < block->n);
}

bool h2_send_bytes(struct h2 *c, const void *bytes, size_t n)
{
	return socket_send(c->fd, bytes, n);
}

bool h2_send(struct h2 *c, const struct h2_out *out)
{
	return h2_send_bytes(c, out->p, out->n);
}

bool h2_send_frame(struct h2 *c, uint8_t type, uint8_t flags, uint32_t stream, const void *payload, size_t n)
{
	static _Thread_local struct h2_out out;
	out.n = 0;
	h2_put_frame(&out, type, flags, stream, payload, n);
	return h2_send(c, &out);
}

/* ---- frames in ---- */

static uint32_t get_u32(const void *at)
{
	const uint8_t *p = at;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Makes sure of `want` bytes from c->used on. */
static bool fill(struct h2 *c, size_t want, int64_t deadline)
{
	while (c->n - c->used < want) {
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		int64_t left = (deadline - clock_mono_us() + 999) / 1000;
		if (c->closed || c->fd < 0 || poll(&p, 1, left > 0 ? (int)left : 0) <= 0)
			return false;
		ssize_t r = recv(c->fd, c->in + c->n, sizeof c->in - c->n, 0);
		if (r <= 0) {
			c->closed = true;
			end_calls(c);
			return false;
		}
		c->n += (size_t)r;
	}
	return true;
}

static bool read_raw(struct h2 *c, struct h2_frame *ret, int64_t deadline)
{
	memmove(c->in, c->in + c->used, c->n - c->used);
	c->n -= c->used;
	c->used = 0;
	if (!fill(c, HEAD_LEN, deadline))
		return false;
	size_t length = (size_t)c->in[0] << 16 | (size_t)c->in[1] << 8 | c->in[2];
	if (length > H2_FRAME_MAX) { /* not HTTP/2: nothing that could be read on */
		c->closed = true;
		end_calls(c);
		return false;
	}
	if (!fill(c, HEAD_LEN + length, deadline))
		return false;
	*ret = (struct h2_frame){.type = c->in[3], .flags = c->in[4], .stream = get_u32(c->in + 5) & 0x7fffffff};
	ret->payload = str_from(c->in + HEAD_LEN, length);
	c->used = HEAD_LEN + length;
	return true;
}

static void strip_padding(struct h2_frame *f)
{
	size_t before = 0, behind = 0;
	if ((f->type == NGHTTP2_DATA || f->type == NGHTTP2_HEADERS) && (f->flags & NGHTTP2_FLAG_PADDED) != 0 && f->payload.n > 0) {
		before = 1;
		behind = (uint8_t)f->payload.p[0];
	}
	if (f->type == NGHTTP2_HEADERS && (f->flags & NGHTTP2_FLAG_PRIORITY) != 0)
		before += 5;
	bool fits = before + behind <= f->payload.n;
	f->payload = str_from(f->payload.p + before, fits ? f->payload.n - before - behind : 0);
}

static bool inflate_block(struct h2 *c, struct str block, bool last, size_t *fields_n)
{
	const uint8_t *at = (const uint8_t *)block.p;
	size_t left = block.n;
	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t used = nghttp2_hd_inflate_hd2(c->inflater, &nv, &flags, at, left, last);
		if (used < 0)
			return false;
		at += used;
		left -= (size_t)used;
		if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
			int n = snprintf(c->fields + *fields_n, sizeof c->fields - *fields_n, "%.*s: %.*s\n", (int)nv.namelen,
					 (const char *)nv.name, (int)nv.valuelen, (const char *)nv.value);
			if (n < 0 || (size_t)n >= sizeof c->fields - *fields_n)
				return false;
			*fields_n += (size_t)n;
		}
		if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0)
			return nghttp2_hd_inflate_end_headers(c->inflater) == 0;
		if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && left == 0)
			return !last;
	}
}

static bool read_header_block(struct h2 *c, struct h2_frame *f, int64_t deadline)
{
	size_t fields_n = 0;
	bool last = (f->flags & NGHTTP2_FLAG_END_HEADERS) != 0;
	c->fields[0] = '\0';
	f->fields = c->fields;
	if (!inflate_block(c, f->payload, last, &fields_n))
		return false;
	while (!last) {
		struct h2_frame more;
		if (!read_raw(c, &more, deadline) || more.type != NGHTTP2_CONTINUATION || more.stream != f->stream)
			return false;
		last = (more.flags & NGHTTP2_FLAG_END_HEADERS) != 0;
		if (!inflate_block(c, more.payload, last, &fields_n))
			return false;
	}
	return true;
}

static void note_settings(struct h2 *c, struct str payload)
{
	for (size_t at = 0; at + 6 <= payload.n; at += 6)
		if (payload.p[at] == 0 && payload.p[at + 1] == NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
			c->max_streams = get_u32(payload.p + at + 2);
}

/* What any well-behaved client does with a frame, whoever it is for. */
static void attend(struct h2 *c, const struct h2_frame *f)
{
	bool ack = (f->flags & NGHTTP2_FLAG_ACK) != 0;
	if (f->type == NGHTTP2_SETTINGS && !ack) {
		note_settings(c, f->payload);
		if (!c->manual)
			h2_send_frame(c, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, NULL, 0);
	} else if (f->type == NGHTTP2_PING && !ack && !c->manual) {
		h2_send_frame(c, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, f->payload.p, f->payload.n);
	} else if (f->type == NGHTTP2_GOAWAY && f->payload.n >= 8) {
		c->goaway = true;
		c->goaway_last = get_u32(f->payload.p) & 0x7fffffff;
		c->goaway_error = get_u32(f->payload.p + 4);
	} else if (f->type == NGHTTP2_DATA && f->payload.n > 0 && !c->manual) {
		static _Thread_local struct h2_out out;
		out.n = 0;
		h2_put_number(&out, NGHTTP2_WINDOW_UPDATE, 0, (uint32_t)f->payload.n);
		h2_send(c, &out);
	}
}

bool h2_read(struct h2 *c, struct h2_frame *ret, int timeout_ms)
{
	int64_t deadline = clock_mono_us() + (int64_t)timeout_ms * 1000;
	if (!read_raw(c, ret, deadline))
		return false;
	strip_padding(ret);
	if (ret->type == NGHTTP2_HEADERS && !read_header_block(c, ret, deadline)) {
		c->closed = true;
		end_calls(c);
		return false;
	}
	attend(c, ret);
	return true;
}

static void deliver(struct h2 *c, const struct h2_frame *f);

bool h2_wait_frame(struct h2 *c, uint8_t type, struct h2_frame *ret, int timeout_ms)
{
	int64_t deadline = clock_mono_us() + (int64_t)timeout_ms * 1000;
	for (;;) {
		if (!h2_read(c, ret, (int)((deadline - clock_mono_us()) / 1000)))
			return false;
		deliver(c, ret);
		if (ret->type == type)
			return true;
	}
}

bool h2_wait_closed(struct h2 *c, int timeout_ms)
{
	int64_t deadline = clock_mono_us() + (int64_t)timeout_ms * 1000;
	while (grpc_turn(c, (int)((deadline - clock_mono_us()) / 1000)))
		;
	return c->closed;
}

/* ---- protobuf ---- */

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

static void pb_put(struct pb *m, const void *bytes, size_t n)
{
	require(n <= sizeof m->p - m->n, "a message of more than %zu bytes", sizeof m->p);
	memcpy(m->p + m->n, bytes, n);
	m->n += n;
}

static void pb_put_varint(struct pb *m, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		pb_put(m, &(uint8_t){(uint8_t)(v | 0x80)}, 1);
	pb_put(m, &(uint8_t){(uint8_t)v}, 1);
}

void pb_put_text(struct pb *m, unsigned field, const char *text)
{
	size_t n = strlen(text);
	if (n == 0)
		return;
	pb_put_varint(m, field << 3 | WIRE_BYTES);
	pb_put_varint(m, n);
	pb_put(m, text, n);
}

void pb_put_int(struct pb *m, unsigned field, int64_t value)
{
	if (value == 0)
		return;
	pb_put_varint(m, field << 3 | WIRE_VARINT);
	pb_put_varint(m, (uint64_t)value);
}

static bool take_varint(struct str *in, uint64_t *ret)
{
	uint64_t v = 0;
	for (unsigned shift = 0; in->n > 0 && shift < 64; shift += 7) {
		uint8_t byte = (uint8_t)*in->p;
		*in = str_from(in->p + 1, in->n - 1);
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*ret = v;
			return true;
		}
	}
	return false;
}

struct pb_field {
	unsigned number;
	uint64_t value;
	struct str bytes;
};

static bool take_field(struct str *in, struct pb_field *ret)
{
	uint64_t tag = 0;
	if (!take_varint(in, &tag))
		return false;
	*ret = (struct pb_field){.number = (unsigned)(tag >> 3)};
	uint64_t n = 0;
	switch (tag & 7) {
	case WIRE_VARINT:
		return take_varint(in, &ret->value);
	case WIRE_BYTES:
		if (!take_varint(in, &n))
			return false;
		break;
	case WIRE_FIXED32:
		n = 4;
		break;
	case WIRE_FIXED64:
		n = 8;
		break;
	default:
		return false;
	}
	if (n > in->n)
		return false;
	ret->bytes = str_from(in->p, n);
	*in = str_from(in->p + n, in->n - n);
	return true;
}

static struct pb_field last_field(struct str message, unsigned number)
{
	struct pb_field found = {.bytes = STR_NONE}, f;
	while (take_field(&message, &f))
		if (f.number == number)
			found = f;
	return found;
}

struct str pb_bytes(struct str message, unsigned field)
{
	return last_field(message, field).bytes;
}

int64_t pb_int(struct str message, unsigned field)
{
	return (int64_t)last_field(message, field).value;
}

const char *pb_text(struct str message, unsigned field, char *out, size_t cap)
{
	snprintf(out, cap, "%.*s", STR_ARG(pb_bytes(message, field)));
	return out;
}

int64_t pb_time_us(struct str message, unsigned field)
{
	struct str time = pb_bytes(message, field);
	return pb_int(time, 1) * 1000000 + pb_int(time, 2) / 1000;
}

/* ---- gRPC: calls out ---- */

static void put_lines(struct h2_out *block, const char *lines)
{
	char name[128], value[H2_FRAME_MAX * 2];
	while (*lines != '\0') {
		size_t n = strcspn(lines, "\n"), colon = 1 + strcspn(lines + 1, ":");
		require(colon < n && n < sizeof value, "not a metadata line: %.100s", lines);
		snprintf(name, sizeof name, "%.*s", (int)colon, lines);
		snprintf(value, sizeof value, "%.*s", (int)(n - colon - 2), lines + colon + 2);
		h2_put_field(block, name, value);
		lines += n + (lines[n] == '\n');
	}
}

static void put_data(struct h2_out *out, uint32_t stream, const struct h2_out *data, bool end)
{
	size_t at = 0;
	do {
		size_t n = data->n - at < H2_FRAME_MAX ? data->n - at : H2_FRAME_MAX;
		at += n;
		h2_put_frame(out, NGHTTP2_DATA, end && at == data->n ? NGHTTP2_FLAG_END_STREAM : 0, stream, data->p + at - n, n);
	} while (at < data->n);
}

void grpc_put(struct h2_out *out, uint32_t stream, const struct grpc_request *q)
{
	static _Thread_local struct h2_out part;
	char authorization[H2_FRAME_MAX];
	part.n = 0;
	h2_put_field(&part, ":method", q->http_method == NULL ? "POST" : q->http_method);
	h2_put_field(&part, ":scheme", "http");
	h2_put_field(&part, ":path", q->path);
	h2_put_field(&part, ":authority", "gateway.test");
	h2_put_field(&part, "te", "trailers");
	h2_put_field(&part, "content-type", q->content_type == NULL ? "application/grpc" : q->content_type);
	if (q->bearer != NULL) {
		snprintf(authorization, sizeof authorization, "Bearer %s", q->bearer);
		h2_put_field(&part, "authorization", authorization);
	}
	if (q->metadata != NULL)
		put_lines(&part, q->metadata);
	h2_put_headers(out, q->no_message && !q->no_end ? NGHTTP2_FLAG_END_STREAM : 0, stream, &part);
	if (q->no_message)
		return;
	part.n = 0;
	h2_put(&part, &(uint8_t){q->compressed}, 1);
	put_u32(&part, q->message == NULL ? 0 : (uint32_t)q->message->n);
	if (q->message != NULL)
		h2_put(&part, q->message->p, q->message->n);
	put_data(out, stream, &part, !q->no_end);
}

void grpc_follow(struct h2 *c, struct grpc_reply *r)
{
	*r = (struct grpc_reply){.next = c->calls, .stream = c->stream, .status = -1, .reset = -1};
	c->calls = r;
	c->stream += 2;
}

bool grpc_start(struct h2 *c, const struct grpc_request *q, struct grpc_reply *r)
{
	static _Thread_local struct h2_out out;
	grpc_follow(c, r);
	out.n = 0;
	grpc_put(&out, r->stream, q);
	return h2_send(c, &out);
}

/* ---- gRPC: answers in ---- */

static void note_fields(struct grpc_reply *r, const char *fields)
{
	char text[16];
	size_t n = strlen(r->fields);
	snprintf(r->fields + n, sizeof r->fields - n, "%s", fields);
	r->blocks++;
	r->http = (int)strtol(grpc_field(r, ":status", text, sizeof text), NULL, 10);
	if (*grpc_field(r, "grpc-status", text, sizeof text) != '\0')
		r->status = (int)strtol(text, NULL, 10);
}

static void note_data(struct grpc_reply *r, struct str data)
{
	size_t room = sizeof r->data - r->data_n;
	size_t n = data.n < room ? data.n : room;
	memcpy(r->data + r->data_n, data.p, n);
	r->data_n += n;
	while (grpc_message(r, r->messages, NULL).p != NULL)
		r->messages++;
}

static void deliver(struct h2 *c, const struct h2_frame *f)
{
	struct grpc_reply **at = &c->calls;
	while (*at != NULL && (*at)->stream != f->stream)
		at = &(*at)->next;
	struct grpc_reply *r = *at;
	if (r == NULL)
		return;
	bool ends = false;
	if (f->type == NGHTTP2_HEADERS)
		note_fields(r, f->fields);
	if (f->type == NGHTTP2_DATA)
		note_data(r, f->payload);
	if (f->type == NGHTTP2_HEADERS || f->type == NGHTTP2_DATA)
		ends = (f->flags & NGHTTP2_FLAG_END_STREAM) != 0;
	if (f->type == NGHTTP2_RST_STREAM && f->payload.n == 4) {
		r->reset = get_u32(f->payload.p);
		ends = true;
	}
	if (ends) {
		r->done = true;
		*at = r->next;
	}
}

bool grpc_turn(struct h2 *c, int timeout_ms)
{
	struct h2_frame f;
	if (!h2_read(c, &f, timeout_ms))
		return false;
	deliver(c, &f);
	return true;
}

bool grpc_wait_messages(struct h2 *c, struct grpc_reply *r, unsigned messages, int timeout_ms)
{
	int64_t deadline = clock_mono_us() + (int64_t)timeout_ms * 1000;
	while (!r->done && r->messages < messages)
		if (!grpc_turn(c, (int)((deadline - clock_mono_us()) / 1000)))
			break;
	return r->messages >= messages;
}

bool grpc_wait(struct h2 *c, struct grpc_reply *r, int timeout_ms)
{
	grpc_wait_messages(c, r, UINT32_MAX, timeout_ms);
	return r->done;
}

int grpc_call_on(struct h2 *c, const struct grpc_request *q, struct grpc_reply *r)
{
	if (grpc_start(c, q, r))
		grpc_wait(c, r, H2_TIMEOUT_MS);
	return r->status;
}

int grpc_call(uint16_t port, const struct grpc_request *q, struct grpc_reply *r)
{
	struct h2 *c = malloc(sizeof *c);
	require(c != NULL, "no memory");
	*r = (struct grpc_reply){.status = -1, .reset = -1};
	if (h2_open(c, port))
		grpc_call_on(c, q, r);
	h2_close(c);
	free(c);
	return r->status;
}

struct str grpc_message(const struct grpc_reply *r, unsigned i, bool *ret_compressed)
{
	for (size_t at = 0; at + PREFIX_LEN <= r->data_n; i--) {
		size_t n = get_u32(r->data + at + 1);
		if (n > r->data_n - at - PREFIX_LEN)
			break;
		if (i == 0) {
			if (ret_compressed != NULL)
				*ret_compressed = r->data[at] != 0;
			return str_from(r->data + at + PREFIX_LEN, n);
		}
		at += PREFIX_LEN + n;
	}
	return STR_NONE;
}

const char *grpc_field(const struct grpc_reply *r, const char *name, char *out, size_t cap)
{
	size_t n = strlen(name);
	out[0] = '\0';
	for (const char *line = r->fields; *line != '\0';) {
		size_t length = strcspn(line, "\n");
		if (length >= n + 2 && memcmp(line, name, n) == 0 && line[n] == ':' && line[n + 1] == ' ')
			snprintf(out, cap, "%.*s", (int)(length - n - 2), line + n + 2);
		line += length + (line[length] == '\n');
	}
	return out;
}

static void note_detail(struct grpc_details *d, struct str any)
{
	struct str type = pb_bytes(any, 1), value = pb_bytes(any, 2);
	if (str_eq(type, STR("type.googleapis.com/google.rpc.ErrorInfo"))) {
		char key[32];
		pb_text(value, 1, d->reason, sizeof d->reason);
		pb_text(value, 2, d->domain, sizeof d->domain);
		if (strcmp(pb_text(pb_bytes(value, 3), 1, key, sizeof key), "request_id") == 0)
			pb_text(pb_bytes(value, 3), 2, d->request_id, sizeof d->request_id);
	} else if (str_eq(type, STR("type.googleapis.com/google.rpc.RetryInfo"))) {
		d->retry_seconds = pb_int(pb_bytes(value, 1), 1);
	}
}

void grpc_details(const struct grpc_reply *r, struct grpc_details *ret)
{
	char text[2048], bytes[2048], padded[2052];
	size_t n = 0;
	*ret = (struct grpc_details){.code = -1, .retry_seconds = -1};
	grpc_field(r, "grpc-status-details-bin", text, sizeof text);
	/* It comes without padding; base64_decode wants it. */
	snprintf(padded, sizeof padded, "%s%.*s", text, (int)((4 - strlen(text) % 4) % 4), "===");
	if (text[0] == '\0' || base64_decode(str_of(padded), bytes, sizeof bytes, &n) != 0)
		return;
	struct str status = str_from(bytes, n);
	ret->code = (int)pb_int(status, 1);
	pb_text(status, 2, ret->message, sizeof ret->message);
	struct pb_field f;
	while (take_field(&status, &f))
		if (f.number == 3)
			note_detail(ret, f.bytes);
}
