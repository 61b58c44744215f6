/* A connection that obeys the test: it takes one statement at a time, and the test answers it. Its
 * pg_conn_* are found before the library's. */
#ifndef M2M_TESTS_UNIT_FAKE_CONN_H
#define M2M_TESTS_UNIT_FAKE_CONN_H

#include <stdint.h>

#include "store/pg_conn.h"

struct pg_conn {
	unsigned sent, in_flight;
	bool down, refuses, full;
	int timeout_ms;
	unsigned statement;
	PGresult *result;
	pg_unit_ran *ran;
	pg_unit_done *done;
	void *arg;
};

/* The result goes to who waits for it. */
void fake_conn_answer(struct pg_conn *c, PGresult *r);

/* What the issuing statement answers. */
struct issue_row {
	int64_t ord;
	const char *outcome;
};
PGresult *issue_result(const struct issue_row *rows, int n);

#endif
