/* The auditor's views (migrations/0004), asked by name. Rows come as JSON objects, whose members
 * are the view's columns in their order. */
#ifndef M2M_OPERATOR_REPORT_H
#define M2M_OPERATOR_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "operator/db.h"

struct report_question {
	struct str name;
	struct str org;       /* slug; absent: all */
	struct str client_id; /* absent: all */
	int32_t limit;
};

/* ERR_NOT_PRESENT: there is no such report. ERR_MISMATCH: it doesn't know organizations, or
 * clients. */
MUST_CHECK enum err operator_report(struct operator_db *db, const struct report_question *question, const struct str **ret, size_t *ret_n);

/* What is known of one token, in its order. ERR_NOT_FOUND. */
MUST_CHECK enum err operator_story(struct operator_db *db, const struct uuid *jti, const struct str **ret, size_t *ret_n);

#endif
