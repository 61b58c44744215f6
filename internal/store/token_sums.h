/* How many tokens an organization was given, added up by PostgreSQL from the audit: exact, and not
 * remembered anywhere (migrations/0018). */
#ifndef M2M_STORE_TOKEN_SUMS_H
#define M2M_STORE_TOKEN_SUMS_H

#include "sql/bearer.h"
#include "store/store.h"

#define TOKEN_SUMS_MAX 2400 /* hours of 92 days, and of the days that are begun */

struct token_sum_query {
	struct str by; /* hour, day, client, address or version */
	struct str client_id;
	struct str time_zone;
	int64_t since, until; /* microseconds since 1970, `until` excluded */
};

/* Text is borrowed until the callback returns. */
struct token_sum {
	int64_t at;      /* an hour's or a day's beginning; else 0 */
	struct str name; /* else the client id, the address, or the version; absent: none */
	int64_t tokens;
};

struct token_sums {
	const struct token_sum *rows;
	size_t n;
	int64_t others; /* what the rows leave out */
	bool overdue;   /* it took too long, and nothing is told */
};

/* err: ERR_OK, INVALID_TOKEN, NETWORK_NOT_ALLOWED, FORBIDDEN, INVALID_REQUEST: there is no such
 * time zone; STORE_UNAVAILABLE, INTERNAL. `sums` is NULL unless ERR_OK. */
typedef void token_sums_done(void *arg, enum err err, const struct token_sums *sums);

/* Of the bearer's organization. Answers ERR_OK when the statement is on its way; otherwise `done`
 * isn't called. */
MUST_CHECK enum err token_sums(struct store *s, const struct bearer *bearer, const struct token_sum_query *query, token_sums_done *done,
			       void *arg);

#endif
