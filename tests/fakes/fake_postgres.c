/* bytes -> messages (protocol 3.0, section "Frontend/Backend Protocol" of PostgreSQL's manual)
 * -> the answers table -> bytes. A statement is known by its name, or by how its text begins
 * when it has none. Whatever goes wrong ends the process with a sentence: there is nobody to
 * recover for. */
#include "fakes/fake_postgres.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "sql/schema.h"

#define CONNS_MAX        8
#define BUFFER           (1 << 20)
#define PG_EPOCH_S       946684800
#define PROTOCOL_VERSION 196608 /* 3.0 */
#define BACKEND_PID      1

struct conn {
	int fd; /* -1: free */
	bool greeted;
	char *in, *out;
	size_t in_n, out_n;
	size_t message;     /* where the message being written has its length */
	char unnamed[64];   /* how the unnamed statement begins */
	char statement[64]; /* what was bound last */
	uint32_t rows;      /* of the first array in it */
};

struct fake_postgres {
	struct fake_postgres_key key;
	int fd;
	unsigned batches;
	struct conn conns[CONNS_MAX];
};

static void die(const char *what)
{
	fprintf(stderr, "fake_postgres: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* ---- writing ---- */

static void put(struct conn *c, const void *p, size_t n)
{
	if (c->out_n + n > BUFFER)
		die("an answer is too long");
	memcpy(c->out + c->out_n, p, n);
	c->out_n += n;
}

static void put_int2(struct conn *c, uint16_t v)
{
	uint16_t wire = htons(v);
	put(c, &wire, sizeof wire);
}

static void put_int4(struct conn *c, uint32_t v)
{
	uint32_t wire = htonl(v);
	put(c, &wire, sizeof wire);
}

static void put_z(struct conn *c, const char *z)
{
	put(c, z, strlen(z) + 1);
}

static void begin(struct conn *c, char type)
{
	put(c, &type, 1);
	c->message = c->out_n;
	put_int4(c, 0);
}

static void end(struct conn *c)
{
	uint32_t wire = htonl((uint32_t)(c->out_n - c->message));
	memcpy(c->out + c->message, &wire, sizeof wire);
}

static void empty_message(struct conn *c, char type)
{
	begin(c, type);
	end(c);
}

static void begin_row(struct conn *c, uint16_t columns)
{
	begin(c, 'D');
	put_int2(c, columns);
}

static void col_text(struct conn *c, struct str s)
{
	put_int4(c, s.p == NULL ? UINT32_MAX : (uint32_t)s.n);
	if (s.p != NULL)
		put(c, s.p, s.n);
}

static void col_bool(struct conn *c, bool v)
{
	col_text(c, v ? STR("\1") : STR("\0"));
}

static void col_int4(struct conn *c, uint32_t v)
{
	put_int4(c, 4);
	put_int4(c, v);
}

static void col_int8(struct conn *c, uint64_t v)
{
	uint64_t wire = htobe64(v);
	col_text(c, str_from(&wire, sizeof wire));
}

static void col_now(struct conn *c)
{
	col_int8(c, (uint64_t)(clock_wall_us() - INT64_C(1000000) * PG_EPOCH_S));
}

/* ---- what is answered ---- */

static void primary(struct fake_postgres *p, struct conn *c)
{
	(void)p;
	begin_row(c, 6);
	col_bool(c, false);
	col_bool(c, false);
	col_bool(c, false);
	col_int4(c, 150000);
	col_bool(c, false);
	col_int4(c, BACKEND_PID);
	end(c);
}

static void schema(struct fake_postgres *p, struct conn *c)
{
	(void)p;
	for (int version = 1; version <= schema_latest_version(); version++) {
		begin_row(c, 2);
		col_int4(c, (uint32_t)version);
		col_text(c, str_from(schema_checksum(version), SCHEMA_CHECKSUM_LEN));
		end(c);
	}
}

static void ring(struct fake_postgres *p, struct conn *c)
{
	(void)p;
	begin_row(c, 1);
	col_bool(c, true);
	end(c);
}

static void probe(struct fake_postgres *p, struct conn *c)
{
	(void)p;
	begin_row(c, 2);
	col_bool(c, false);
	col_text(c, STR(""));
	end(c);
}

static void keys(struct fake_postgres *p, struct conn *c)
{
	begin_row(c, 9);
	col_text(c, p->key.kid);
	col_text(c, p->key.alg);
	col_text(c, p->key.public_jwk);
	col_text(c, p->key.wrapped);
	col_text(c, p->key.wrap_key_id);
	col_bool(c, true);
	col_text(c, STR("active"));
	col_now(c);
	col_now(c);
	end(c);
}

static void issue(struct fake_postgres *p, struct conn *c)
{
	p->batches++;
	for (uint32_t row = 0; row < c->rows; row++) {
		begin_row(c, 10);
		col_int8(c, row + 1);
		col_text(c, STR("granted"));
		col_int4(c, 1);
		col_now(c);
		col_int4(c, 86400);
		col_text(c, STR("\x01\x8f\x00\x00\x00\x00\x70\x00\x80\x00\x00\x00\x00\x00\x00\x01"));
		col_text(c, STR("api"));
		col_text(c, STR("public-api"));
		col_text(c, STR_NONE);
		col_text(c, STR("tag-of"));
		end(c);
	}
}

static void seal_alone(struct fake_postgres *p, struct conn *c)
{
	(void)p;
	begin_row(c, 1);
	col_now(c);
	end(c);
}

struct answer {
	const char *statement;
	uint16_t columns;
	void (*rows)(struct fake_postgres *p, struct conn *c);
};

/* Any other statement succeeds and has no rows. */
static const struct answer answers[] = {
	{"select pg_is_in_recovery()", 6, primary},
	{"select version, checksum from", 2, schema},
	{"with made as (insert into m2m.key_check", 1, ring},
	{"probe", 2, probe},
	{"keys", 9, keys},
	{"issue", 10, issue},
	{"seal", 1, seal_alone},
};

static const struct answer *answer_to(const struct conn *c)
{
	static const struct answer none = {"", 0, NULL};
	const char *statement = c->statement[0] == '\0' ? c->unnamed : c->statement;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
		if (strncmp(statement, answers[i].statement, strlen(answers[i].statement)) == 0)
			return &answers[i];
	return &none;
}

/* ---- reading ---- */

/* What is left of a message. */
struct reader {
	const char *at, *end;
};

static const char *take(struct reader *r, size_t n)
{
	if ((size_t)(r->end - r->at) < n)
		die("a message is too short");
	const char *p = r->at;
	r->at += n;
	return p;
}

static uint32_t take_int4(struct reader *r)
{
	uint32_t wire;
	memcpy(&wire, take(r, sizeof wire), sizeof wire);
	return ntohl(wire);
}

static uint16_t take_int2(struct reader *r)
{
	uint16_t wire;
	memcpy(&wire, take(r, sizeof wire), sizeof wire);
	return ntohs(wire);
}

static const char *take_z(struct reader *r)
{
	return take(r, strnlen(r->at, (size_t)(r->end - r->at)) + 1);
}

static void parse(struct conn *c, struct reader *r)
{
	const char *name = take_z(r), *sql = take_z(r);
	if (name[0] == '\0')
		snprintf(c->unnamed, sizeof c->unnamed, "%.*s", (int)sizeof c->unnamed - 1, sql);
	empty_message(c, '1');
}

static void bind_statement(struct conn *c, struct reader *r)
{
	(void)take_z(r);
	snprintf(c->statement, sizeof c->statement, "%s", take_z(r));
	(void)take(r, (size_t)take_int2(r) * 2);
	c->rows = 0;
	if (take_int2(r) > 0) {
		uint32_t n = take_int4(r);
		struct reader array = {r->at, r->at + (n == UINT32_MAX ? 0 : n)};
		if (n != UINT32_MAX && n >= 20) {
			(void)take(&array, 12);
			c->rows = take_int4(&array);
		}
	}
	empty_message(c, '2');
}

static void describe(struct conn *c)
{
	uint16_t columns = answer_to(c)->columns;
	if (columns == 0) {
		empty_message(c, 'n');
		return;
	}
	begin(c, 'T');
	put_int2(c, columns);
	for (uint16_t i = 0; i < columns; i++) {
		put_z(c, "x");
		put_int4(c, 0);
		put_int2(c, 0);
		put_int4(c, 25);
		put_int2(c, UINT16_MAX);
		put_int4(c, UINT32_MAX);
		put_int2(c, 1);
	}
	end(c);
}

static void execute(struct fake_postgres *p, struct conn *c)
{
	const struct answer *a = answer_to(c);
	if (a->rows != NULL)
		a->rows(p, c);
	begin(c, 'C');
	put_z(c, "SELECT 1");
	end(c);
}

static void ready(struct conn *c)
{
	begin(c, 'Z');
	put(c, "I", 1);
	end(c);
}

static void greet(struct conn *c, struct reader *r)
{
	static const char *const settings[][2] = {{"server_version", "15.0"},
						  {"client_encoding", "UTF8"},
						  {"standard_conforming_strings", "on"},
						  {"default_transaction_read_only", "off"},
						  {"in_hot_standby", "off"}};
	if (take_int4(r) != PROTOCOL_VERSION)
		die("a client that wants something else than protocol 3.0");
	begin(c, 'R');
	put_int4(c, 0);
	end(c);
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		begin(c, 'S');
		put_z(c, settings[i][0]);
		put_z(c, settings[i][1]);
		end(c);
	}
	begin(c, 'K');
	put_int4(c, BACKEND_PID);
	put_int4(c, 0);
	end(c);
	ready(c);
	c->greeted = true;
}

static void take_message(struct fake_postgres *p, struct conn *c, char type, struct reader *r)
{
	switch (type) {
	case '\0':
		greet(c, r);
		break;
	case 'P':
		parse(c, r);
		break;
	case 'B':
		bind_statement(c, r);
		break;
	case 'D':
		if (*take(r, 1) == 'P')
			describe(c);
		break;
	case 'E':
		execute(p, c);
		break;
	case 'S':
		ready(c);
		break;
	default: /* Flush, Terminate */
		break;
	}
}

/* ---- connections ---- */

static void hang_up(struct conn *c)
{
	close(c->fd);
	free(c->in);
	free(c->out);
	*c = (struct conn){.fd = -1};
}

static void serve(struct fake_postgres *p, struct conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_n, BUFFER - c->in_n, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		hang_up(c);
		return;
	}
	c->in_n += (size_t)n;
	size_t done = 0;
	for (;;) {
		struct reader r = {c->in + done, c->in + c->in_n};
		size_t head = c->greeted ? 5 : 4;
		if ((size_t)(r.end - r.at) < head)
			break;
		char type = '\0';
		if (c->greeted)
			type = *take(&r, 1);
		size_t length = take_int4(&r);
		if (length > BUFFER - 1)
			die("a message is too long");
		if (length < 4 || (size_t)(r.end - r.at) < length - 4)
			break;
		r.end = r.at + length - 4;
		done += head + length - 4;
		take_message(p, c, type, &r);
	}
	memmove(c->in, c->in + done, c->in_n - done);
	c->in_n -= done;
	if (c->out_n > 0 && send(c->fd, c->out, c->out_n, MSG_NOSIGNAL) != (ssize_t)c->out_n)
		die("an answer can't be sent");
	c->out_n = 0;
}

static void take_connection(struct fake_postgres *p)
{
	int fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	for (size_t i = 0; i < CONNS_MAX; i++) {
		struct conn *c = &p->conns[i];
		if (c->fd >= 0)
			continue;
		*c = (struct conn){.fd = fd, .in = malloc(BUFFER), .out = malloc(BUFFER)};
		if (c->in == NULL || c->out == NULL)
			die("a connection");
		return;
	}
	die("too many connections");
}

void fake_postgres_turn(struct fake_postgres *p)
{
	take_connection(p);
	for (size_t i = 0; i < CONNS_MAX; i++)
		if (p->conns[i].fd >= 0)
			serve(p, &p->conns[i]);
}

unsigned fake_postgres_batches(const struct fake_postgres *p)
{
	return p->batches;
}

struct fake_postgres *fake_postgres_new(const struct fake_postgres_key *key, uint16_t *ret_port)
{
	struct fake_postgres *p = calloc(1, sizeof *p);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof at;
	if (p == NULL)
		return NULL;
	p->key = *key;
	for (size_t i = 0; i < CONNS_MAX; i++)
		p->conns[i].fd = -1;
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0 || bind(p->fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(p->fd, CONNS_MAX) != 0 ||
	    getsockname(p->fd, (struct sockaddr *)&at, &n) != 0) {
		fake_postgres_free(p);
		return NULL;
	}
	*ret_port = ntohs(at.sin_port);
	return p;
}

void fake_postgres_free(struct fake_postgres *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < CONNS_MAX; i++)
		if (p->conns[i].fd >= 0)
			hang_up(&p->conns[i]);
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}
