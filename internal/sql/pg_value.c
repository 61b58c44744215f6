/* Binary parameters and results. Integers are big-endian on the wire; timestamps count
 * microseconds from 2000-01-01. */
#include "sql/pg_value.h"

#include <arpa/inet.h>
#include <endian.h>
#include <string.h>

void pg_params_init(struct pg_params *p, struct arena *a)
{
	p->a = a;
	p->n = 0;
	p->by = NULL;
	p->of = NULL;
}

static void put(struct pg_params *p, Oid type, const void *bytes, size_t n)
{
	if (p->n < PG_PARAMS_MAX && n <= INT32_MAX) {
		p->types[p->n] = type;
		p->values[p->n] = bytes;
		p->lengths[p->n] = (int)n;
		p->formats[p->n] = 1;
		p->n++;
	} else {
		p->n = PG_PARAMS_MAX + 1;
	}
}

static void put_copy(struct pg_params *p, Oid type, const void *bytes, size_t n)
{
	char *copy = arena_alloc(p->a, n);
	if (copy != NULL)
		memcpy(copy, bytes, n);
	put(p, type, copy, n);
}

void pg_put_text(struct pg_params *p, struct str s)
{
	put(p, PG_TEXT, s.p, s.n);
}
void pg_put_bytea(struct pg_params *p, struct str s)
{
	put(p, PG_BYTEA, s.p, s.n);
}
void pg_put_raw(struct pg_params *p, Oid type, struct str binary)
{
	put(p, type, binary.p, binary.n);
}
void pg_put_uuid(struct pg_params *p, const struct uuid *u)
{
	if (u == NULL)
		put(p, PG_UUID, NULL, 0);
	else
		put_copy(p, PG_UUID, u->b, sizeof u->b);
}

void pg_put_int4(struct pg_params *p, int32_t v)
{
	uint32_t wire = htonl((uint32_t)v);
	put_copy(p, PG_INT4, &wire, sizeof wire);
}

void pg_put_int4_or_null(struct pg_params *p, int32_t v, bool null)
{
	if (null)
		put(p, PG_INT4, NULL, 0);
	else
		pg_put_int4(p, v);
}

void pg_put_int8(struct pg_params *p, int64_t v)
{
	uint64_t wire = htobe64((uint64_t)v);
	put_copy(p, PG_INT8, &wire, sizeof wire);
}

void pg_put_time(struct pg_params *p, int64_t us)
{
	uint64_t wire = htobe64((uint64_t)(us - UNIX_TO_PG_EPOCH_US));
	if (us == 0)
		put(p, PG_TIMESTAMPTZ, NULL, 0);
	else
		put_copy(p, PG_TIMESTAMPTZ, &wire, sizeof wire);
}

void pg_put_bool(struct pg_params *p, bool v)
{
	put_copy(p, PG_BOOL, v ? "\1" : "\0", 1);
}
void pg_put_char(struct pg_params *p, char c)
{
	put_copy(p, PG_CHAR, &c, 1);
}

static Oid array_of(enum pg_oid element)
{
	switch (element) {
	case PG_BOOL:
		return 1000;
	case PG_BYTEA:
		return 1001;
	case PG_CHAR:
		return 1002;
	case PG_INT4:
		return 1007;
	case PG_TEXT:
		return 1009;
	case PG_INT8:
		return 1016;
	case PG_TIMESTAMPTZ:
		return 1185;
	case PG_UUID:
		return 2951;
	}
	return 0;
}

void pg_put_array(struct pg_params *p, enum pg_oid element, const struct str *v, size_t n)
{
	size_t size = 20;
	for (size_t i = 0; i < n; i++)
		size += 4 + v[i].n;
	char *out = arena_alloc(p->a, size);
	if (out != NULL) {
		/* dimensions, has nulls, element type, length, lower bound; an empty array has
		 * no dimension and ends after its type */
		const uint32_t head[5] = {htonl(n > 0), htonl(1), htonl(element), htonl((uint32_t)n), htonl(1)};
		memcpy(out, head, sizeof head);
		char *at = out + sizeof head;
		for (size_t i = 0; i < n; i++) {
			uint32_t length = v[i].p == NULL ? UINT32_MAX : htonl((uint32_t)v[i].n);
			memcpy(at, &length, 4);
			at += 4;
			if (v[i].p != NULL)
				memcpy(at, v[i].p, v[i].n);
			at += v[i].n;
		}
	}
	put(p, array_of(element), out, n > 0 ? size : 12);
}

bool pg_params_ok(const struct pg_params *p)
{
	return p->n <= PG_PARAMS_MAX && !arena_overflowed(p->a);
}

bool pg_is_null(const PGresult *r, int row, int col)
{
	return PQgetisnull(r, row, col) == 1;
}

static const char *fixed(const PGresult *r, int row, int col, int width)
{
	return pg_is_null(r, row, col) || PQgetlength(r, row, col) != width ? NULL : PQgetvalue(r, row, col);
}

struct str pg_str(const PGresult *r, int row, int col)
{
	if (pg_is_null(r, row, col))
		return STR_NONE;
	return str_from(PQgetvalue(r, row, col), (size_t)PQgetlength(r, row, col));
}

struct uuid pg_uuid(const PGresult *r, int row, int col)
{
	struct uuid u = {{0}};
	const char *v = fixed(r, row, col, sizeof u.b);
	if (v != NULL)
		memcpy(u.b, v, sizeof u.b);
	return u;
}

int32_t pg_int4(const PGresult *r, int row, int col)
{
	uint32_t wire = 0;
	const char *v = fixed(r, row, col, sizeof wire);
	if (v != NULL)
		memcpy(&wire, v, sizeof wire);
	return (int32_t)ntohl(wire);
}

int64_t pg_int8(const PGresult *r, int row, int col)
{
	uint64_t wire = 0;
	const char *v = fixed(r, row, col, sizeof wire);
	if (v != NULL)
		memcpy(&wire, v, sizeof wire);
	return (int64_t)be64toh(wire);
}

bool pg_bool(const PGresult *r, int row, int col)
{
	const char *v = fixed(r, row, col, 1);
	return v != NULL && *v != 0;
}

int64_t pg_time_us(const PGresult *r, int row, int col)
{
	if (pg_is_null(r, row, col))
		return 0;
	int64_t us = pg_int8(r, row, col);
	if (us == INT64_MAX || us == INT64_MIN)
		return us;
	return us + UNIX_TO_PG_EPOCH_US;
}

struct str pg_text_array_joined(const PGresult *r, int row, int col, struct arena *a)
{
	struct str wire = pg_str(r, row, col);
	uint32_t head[5];
	char *out = arena_alloc(a, wire.n + 1);
	/* an empty array's wire form ends after its element type */
	if (out == NULL || wire.n < sizeof head)
		return out == NULL ? STR_NONE : str_from(out, 0);
	memcpy(head, wire.p, sizeof head);
	size_t n = 0;
	size_t at = sizeof head;
	for (uint32_t i = 0; i < ntohl(head[3]) && at + 4 <= wire.n; i++) {
		uint32_t length;
		memcpy(&length, wire.p + at, 4);
		length = ntohl(length);
		at += 4;
		if (length > wire.n - at)
			break; /* a null element is 0xffffffff, and the schema has none */
		if (n > 0)
			out[n++] = ' ';
		memcpy(out + n, wire.p + at, length);
		n += length;
		at += length;
	}
	return str_from(out, n);
}

enum err pg_err(const PGresult *r)
{
	/* SQLSTATE classes that pass by themselves: connection, insufficient resources, operator
	 * intervention, system error; then single codes. */
	static const char *const passing[] = {"08",
					      "53",
					      "57",
					      "58",
					      "25006" /* read-only */,
					      "55P03" /* lock_timeout */,
					      "40001" /* serialization */,
					      "40P01" /* deadlock */,
					      PG_NO_SUCH_STATEMENT /* the next unit prepares it */,
					      PG_STATEMENT_IS_THERE,
					      "28" /* login refused for now */};
	switch (PQresultStatus(r)) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
		return ERR_OK;
	case PGRES_FATAL_ERROR:
		break;
	default:
		/* PGRES_PIPELINE_ABORTED and no result at all: an earlier statement or the
		 * connection failed */
		return ERR_STORE_UNAVAILABLE;
	}
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	if (state == NULL)
		return ERR_STORE_UNAVAILABLE;
	/* the triggers of 0020_org_move */
	if (strcmp(state, "M2M01") == 0)
		return ERR_ORGANIZATION_MOVING;
	if (strcmp(state, "M2M02") == 0)
		return ERR_ORGANIZATION_MOVED;
	if (strcmp(state, "23505") == 0)
		return ERR_EXISTS;
	/* m2m.operator_holds of 0019_console */
	if (strcmp(state, "M2M03") == 0)
		return ERR_INVALID_TOKEN;
	if (strcmp(state, "M2M04") == 0)
		return ERR_FORBIDDEN;
	if (strcmp(state, "23P01") == 0)
		return ERR_CONFLICT;
	for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
		if (strncmp(state, passing[i], strlen(passing[i])) == 0)
			return ERR_STORE_UNAVAILABLE;
	return ERR_INTERNAL;
}
