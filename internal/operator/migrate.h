/* The database's schema against the migrations of this program. */
#ifndef M2M_OPERATOR_MIGRATE_H
#define M2M_OPERATOR_MIGRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "operator/db.h"

enum migration_state {
	MIGRATION_PENDING,
	MIGRATION_APPLIED,
	MIGRATION_DRIFTED, /* applied, and its file was changed since */
	MIGRATION_UNKNOWN, /* applied by a newer program */
};

struct migration {
	int version;
	struct str name;
	enum migration_state state;
	int64_t applied_at; /* microseconds since 1970 */
};

/* Told before each step that takes time, in words without a newline. */
typedef void migrate_progress(const char *line);

/* Every migration that the program or the database knows, by version. *ret lives in the
 * connection's arena. */
MUST_CHECK enum err operator_migrate_status(struct operator_db *db, const struct migration **ret, size_t *ret_n);

/* Applies what is pending, each in a transaction of its own, under a lock that makes others wait
 * for a minute at most. ERR_MISMATCH, before anything is done, when a migration is drifted or
 * unknown. */
MUST_CHECK enum err operator_migrate_up(struct operator_db *db, migrate_progress *progress, unsigned *ret_applied);

/* Takes the newest one back. ERR_NOT_FOUND: none is applied. */
MUST_CHECK enum err operator_migrate_down(struct operator_db *db, migrate_progress *progress);

#endif
