/* Statement parameters and result columns in PostgreSQL's binary format: nothing is quoted,
 * nothing is parsed as text, bytes stay bytes.
 */
#ifndef M2M_SQL_PG_VALUE_H
#define M2M_SQL_PG_VALUE_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/uuid.h"

#define PG_PARAMS_MAX       48
#define UNIX_TO_PG_EPOCH_US 946684800000000LL

#define PG_NO_SUCH_STATEMENT  "26000" /* SQLSTATE invalid_sql_statement_name */
#define PG_STATEMENT_IS_THERE "42P05" /* duplicate_prepared_statement */

/* OIDs of the types that statements declare for their parameters (server/catalog/pg_type.dat:
 * fixed since PostgreSQL 7). */
enum pg_oid {
	PG_BOOL = 16,
	PG_BYTEA = 17,
	PG_CHAR = 18,
	PG_INT8 = 20,
	PG_INT4 = 23,
	PG_TEXT = 25,
	PG_UUID = 2950,
	PG_TIMESTAMPTZ = 1184,
};

struct operator_proof;
struct origin;

/* Values in the order of $1, $2, ... Integers and ids are copied into `a`; text and bytes are
 * borrowed until the statement was sent. */
struct pg_params {
	struct arena *a;
	int n;
	const struct operator_proof *by; /* who must be live for this (sql/origin.h); NULL: nobody */
	const struct origin *of;         /* whose act it is, borrowed until it is answered; NULL: none */
	Oid types[PG_PARAMS_MAX];
	const char *values[PG_PARAMS_MAX];
	int lengths[PG_PARAMS_MAX];
	int formats[PG_PARAMS_MAX];
};

void pg_params_init(struct pg_params *p, struct arena *a);
void pg_put_text(struct pg_params *p, struct str s); /* absent: null */
void pg_put_bytea(struct pg_params *p, struct str s);
void pg_put_uuid(struct pg_params *p, const struct uuid *u); /* NULL: null */
void pg_put_int4(struct pg_params *p, int32_t v);
void pg_put_int4_or_null(struct pg_params *p, int32_t v, bool null);
void pg_put_int8(struct pg_params *p, int64_t v);
void pg_put_time(struct pg_params *p, int64_t us); /* microseconds since 1970; 0: null */
void pg_put_bool(struct pg_params *p, bool v);
void pg_put_char(struct pg_params *p, char c);
/* A one-dimensional array of `n` elements that are in binary form already; absent ones are null. */
void pg_put_array(struct pg_params *p, enum pg_oid element, const struct str *v, size_t n);
/* A value made elsewhere, already in binary form. */
void pg_put_raw(struct pg_params *p, Oid type, struct str binary);

/* False when the arena overflowed or there were too many: the statement must not be sent. */
bool pg_params_ok(const struct pg_params *p);

/* Columns by number; a null column reads as absent, 0 or false. A column that isn't of the
 * expected width reads as null. Text is borrowed from the result. */
bool pg_is_null(const PGresult *r, int row, int col);
struct str pg_str(const PGresult *r, int row, int col);
struct uuid pg_uuid(const PGresult *r, int row, int col);
int32_t pg_int4(const PGresult *r, int row, int col);
int64_t pg_int8(const PGresult *r, int row, int col);
bool pg_bool(const PGresult *r, int row, int col);
/* A timestamptz as microseconds since 1970; -infinity and infinity read as INT64_MIN and
 * INT64_MAX. */
int64_t pg_time_us(const PGresult *r, int row, int col);
/* The elements of a one-dimensional text[], joined with single spaces, in `a`. */
struct str pg_text_array_joined(const PGresult *r, int row, int col, struct arena *a);

/* What a failed result means to a caller: ERR_STORE_UNAVAILABLE for what may pass (connection,
 * shutdown, read-only, disk full, lock or statement timeout, a statement that isn't prepared, or
 * twice), ERR_EXISTS for a unique violation, ERR_CONFLICT for an exclusion violation,
 * ERR_INVALID_TOKEN and ERR_FORBIDDEN for an operator who isn't live or may not
 * (m2m.operator_holds), ERR_INTERNAL for the rest. ERR_OK for a successful result. */
enum err pg_err(const PGresult *r);

static inline void pg_clear(PGresult **r)
{
	PQclear(*r);
}
#define PG_RESULT __attribute__((cleanup(pg_clear))) PGresult *

#endif
