/* The audit as an operator looks at it: which tokens were issued, how it is stored, and whether
 * it agrees with itself. */
#ifndef M2M_OPERATOR_AUDIT_H
#define M2M_OPERATOR_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "operator/db.h"

#define AUDIT_DAYS_MAX  400
#define AUDIT_LIMIT_MAX 10000

/* A row of m2m.tokens_issued. Times are microseconds since 1970, as everywhere here. */
struct audit_token {
	int64_t issued_at, expires_at;
	struct uuid jti;
	struct str organization, client_id; /* absent: the platform's, the operator's */
	int32_t secret_version;             /* 0: the operator's */
	struct str caller, scope, audience, transport, remote_addr, kid;
	struct str auth_method, credential, bound_to; /* each may be absent */
};

struct audit_question {
	struct str org;       /* slug or id; absent: all */
	struct str client_id; /* absent: all */
	int64_t since, until; /* of issued_at, microseconds since 1970, `until` excluded; 0: none */
	int32_t days;         /* how far back without `since` and jti, 1 to AUDIT_DAYS_MAX */
	const struct uuid *jti;
	struct str kid, remote_addr; /* an address, or a network in CIDR form */
	int32_t secret_version;      /* 0: any */
	struct str auth_method;      /* a word of m2m.auth_method_name; absent: any */
	struct str credential;       /* absent: any */
	bool alive;                  /* not expired */
	int32_t limit;               /* 1 to AUDIT_LIMIT_MAX */
};

/* The youngest ones first. ERR_NOT_FOUND: there is no such organization, and no row of one that
 * there was. */
MUST_CHECK enum err operator_audit_tokens(struct operator_db *db, const struct audit_question *question, const struct audit_token **ret,
					  size_t *ret_n);

/* The same again and again: with *seen absent as operator_audit_tokens, then all that were
 * committed since the call before, the oldest first, none twice and none left out, whenever
 * their transactions began (up to two minutes ago). *seen is set for the next call, in the
 * connection's memory; the caller copies it elsewhere before that is reset. */
MUST_CHECK enum err operator_audit_follow(struct operator_db *db, const struct audit_question *question, struct str *seen,
					  const struct audit_token **ret, size_t *ret_n);

struct audit_partition {
	struct str name;
	bool is_default;     /* takes what no other one does, and should be empty */
	bool has_rows;       /* or had some */
	int64_t from, until; /* of issued_at, `until` excluded; 0: the default's */
	int64_t bytes;       /* with its indexes */
};

/* By time, the default one last. */
MUST_CHECK enum err operator_audit_partitions(struct operator_db *db, const struct audit_partition **ret, size_t *ret_n);

/* Makes those of the next `days`, 0 to AUDIT_DAYS_MAX, that aren't there yet. *ret_made counts
 * them. */
MUST_CHECK enum err operator_audit_partitions_ahead(struct operator_db *db, int32_t days, int32_t *ret_made);

/* Told of each day (YYYY-MM-DD) that is counted now, or absent: what is under way is waited for. */
typedef void audit_counting(struct str day);

/* Counts, into m2m.token_usage, the tokens of the days that are over and not counted yet;
 * nothing to count is success. ERR_CONFLICT: a transaction that may still add rows to them was
 * open for all of `wait_s`; what is counted by then stays so. *ret_days counts the days, on a
 * failure too. */
MUST_CHECK enum err operator_audit_count(struct operator_db *db, int32_t wait_s, audit_counting *told, int32_t *ret_days);

/* The time before which all tokens are counted. */
MUST_CHECK enum err operator_audit_counted_until(struct operator_db *db, int64_t *ret);

/* How long rows are kept: those of a week leave together, once the last of them is older than
 * this and than 31 days (a token lives 30 at most). */
struct audit_retention {
	int32_t months, days;
	/* for one partition: how long to try for the moment that taking it out needs, while
	 * readers and writers go on */
	int32_t wait_s;
	bool dry_run; /* only tell */
};

/* Told of each partition that has left, or would, or has to wait for others. */
enum audit_drop { DROP_WAITING, DROP_DONE, DROP_WOULD };
typedef void audit_dropping(struct str partition, enum audit_drop what);

/* Drops what is older and counted, the oldest first, each in a transaction of its own with its
 * row in admin_audit. ERR_CONFLICT: the moment never came; what is dropped by then stays so.
 * *ret_dropped counts them, on a failure too. */
MUST_CHECK enum err operator_audit_retain(struct operator_db *db, const struct audit_retention *retention, audit_dropping *told,
					  int32_t *ret_dropped);

/* One question that a sound audit answers with no rows. */
struct audit_check {
	const char *what; /* what the rows would be */
	int64_t rows;
};

/* Told before each question, since each may read all rows of those days. */
typedef void audit_progress(size_t done, size_t of, const char *what);

#define AUDIT_CHECKS_MAX 16

/* At most AUDIT_CHECKS_MAX answers. Holds the tokens of the last `days` (1 to AUDIT_DAYS_MAX)
 * against clients, secrets, keys and acts, and these against each other. */
MUST_CHECK enum err operator_audit_verify(struct operator_db *db, int32_t days, audit_progress *progress, const struct audit_check **ret,
					  size_t *ret_n);

#endif
