/* A test's own look into the database, over libpq. Statements are formatted from the test's own
 * constants. */
#ifndef M2M_TESTS_HARNESS_SQL_H
#define M2M_TESTS_HARNESS_SQL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#define SQL_VALUE 1024

/* NULL when it can't connect. */
PGconn *sql_try_open(const char *url);
PGconn *sql_open(const char *url);

/* Requires success. */
void sql_exec(PGconn *db, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The first row's first column as text, "" for null or no row. The text is in a static buffer
 * that the next call overwrites. */
const char *sql_text(PGconn *db, const char *format, ...) __attribute__((format(printf, 2, 3)));
int64_t sql_int(PGconn *db, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The SQLSTATE of a statement that may fail; "00000" when it didn't. Static buffer. */
const char *sql_state(PGconn *db, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
