#include "harness/sql.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/require.h"

PGconn *sql_try_open(const char *url)
{
	PGconn *db = PQconnectdb(url);
	if (PQstatus(db) == CONNECTION_OK)
		return db;
	PQfinish(db);
	return NULL;
}

PGconn *sql_open(const char *url)
{
	PGconn *db = sql_try_open(url);
	require(db != NULL, "can't connect to %s", url);
	return db;
}

static PGresult *run(PGconn *db, const char *format, va_list args)
{
	char text[8192];
	int n = vsnprintf(text, sizeof text, format, args);
	require(n >= 0 && (size_t)n < sizeof text, "the statement is too long");
	return PQexec(db, text);
}

static bool succeeded(const PGresult *r)
{
	ExecStatusType status = PQresultStatus(r);
	return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

void sql_exec(PGconn *db, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	PGresult *r = run(db, format, args);
	va_end(args);
	char why[512];
	snprintf(why, sizeof why, "%s", PQresultErrorMessage(r));
	bool ok = succeeded(r);
	PQclear(r);
	require(ok, "%s: %s", format, why);
}

static const char *first_value(PGresult *r, const char *format)
{
	static char value[SQL_VALUE];
	char why[512];
	snprintf(why, sizeof why, "%s", PQresultErrorMessage(r));
	bool ok = succeeded(r);
	snprintf(value, sizeof value, "%s", ok && PQntuples(r) > 0 ? PQgetvalue(r, 0, 0) : "");
	PQclear(r);
	require(ok, "%s: %s", format, why);
	return value;
}

const char *sql_text(PGconn *db, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	PGresult *r = run(db, format, args);
	va_end(args);
	return first_value(r, format);
}

int64_t sql_int(PGconn *db, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	PGresult *r = run(db, format, args);
	va_end(args);
	return strtoll(first_value(r, format), NULL, 10);
}

const char *sql_state(PGconn *db, const char *format, ...)
{
	static char state[6];
	va_list args;
	va_start(args, format);
	PGresult *r = run(db, format, args);
	va_end(args);
	const char *code = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	snprintf(state, sizeof state, "%s", succeeded(r) ? "00000" : code == NULL ? "08006" : code);
	PQclear(r);
	return state;
}
