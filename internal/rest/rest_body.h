/* Bodies and queries, read into names and values. What can't be read fails the op, with a
 * sentence that names the parameter and the cause. Private to rest/. */
#ifndef M2M_REST_REST_BODY_H
#define M2M_REST_REST_BODY_H

#include "op/op.h"
#include "rest/form.h"
#include "json/json_read.h"

/* The JSON object that `body` is; NULL: the op has failed. It lives in the op's arena. */
MUST_CHECK const struct json *rest_read_object(struct op *op, struct str body);

/* A form, of a body or of a query; false: the op has failed. `repeatable` as form_parse's. */
MUST_CHECK bool rest_read_form(struct op *op, struct str text, const char *repeatable, struct form *ret);

/* Takes a member's value into `target`, or answers false when it is of the wrong type. */
typedef bool rest_take_member(struct op *op, const struct json *v, void *target);

struct rest_member {
	const char *name;
	rest_take_member *take;
	void *target;
};

/* Each member of `object` by its row of `members`, which ends with a NULL name. One without a
 * row, or of the wrong type, fails the op and is named, behind `place`: "" or "client.", say. */
void rest_take_members(struct op *op, const struct json *object, const char *place, const struct rest_member *members);

/* Fails the op when `query` (NULL: none) has a parameter: of operations that take none. */
void rest_refuse_query(struct op *op, const char *query);

#endif
