/* A week of the audit in two files that can be checked, and loaded again, without this database:
 * FILE has its rows, FILE.seals the seals that vouch for them, each as `copy (select ...) to
 * stdout (format binary)` gives it. */
#ifndef M2M_OPERATOR_EXPORT_H
#define M2M_OPERATOR_EXPORT_H

#include <stdint.h>

#include "operator/seal.h"

struct audit_export {
	uint64_t rows, seals;
	uint64_t bytes; /* of both files */
};

/* The week must be over and counted (operator_audit_count), so that no row can follow. The files
 * must not be there yet; they come into being whole, readable by their owner alone.
 * ERR_NOT_FOUND: there is no such partition. ERR_CONFLICT: its week isn't counted. ERR_EXISTS,
 * ERR_IO: a file is there, or can't be written. */
MUST_CHECK enum err operator_audit_export(struct operator_db *db, struct str partition, struct str file, struct audit_export *ret);

/* Stands for a connection where none is needed: for operator_why. NULL: out of memory. */
struct operator_db *operator_offline(struct arena *a);

/* Holds the rows of the file against the seals beside it, and each seal against its signature.
 * Needs a ring or heads, that vouch for keys; days doesn't matter. ERR_NOT_FOUND, ERR_MALFORMED:
 * a file can't be read, or is none of ours. */
MUST_CHECK enum err operator_seal_check_files(struct operator_db *db, struct str file, const struct seal_check_spec *spec,
					      struct seal_check *ret);

#endif
