/* The table, and (method, path) or a gRPC method -> the operation by it. */
#include "op/op.h"

#include <string.h>

#include "op/op_steps.h"

/* clang-format off */
const struct op_spec op_specs[OP_COUNT] = {
#define OP(id_, name_, method_, path_, grpc_, who_, errors_, steps_) \
	[OP_##id_] = {.id = OP_##id_, .name = name_, .method = method_, .path = path_, .path_n = sizeof(path_) - 1, .grpc = grpc_, .who = who_, \
		      .errors = errors_, .steps = steps_},
	OP_TABLE(OP)
#undef OP
};

const char *op_row_name(unsigned row)
{
	return row < OP_COUNT ? op_specs[row].name : row == OP_ROW_PAGES ? "pages" : "unknown";
}
/* clang-format on */

static const struct op_path op_path_none = {STR_NONE, STR_NONE, STR_NONE, STR_NONE, STR_NONE};

static struct str *parameter_of(struct str segment, struct op_path *ret)
{
	if (str_eq(segment, STR("{organization}")))
		return &ret->organization;
	if (str_eq(segment, STR("{client_id}")))
		return &ret->client_id;
	if (str_eq(segment, STR("{credential_id}")))
		return &ret->credential_id;
	if (str_eq(segment, STR("{kid}")))
		return &ret->kid;
	return str_eq(segment, STR("{session_id}")) ? &ret->session_id : NULL;
}

/* An organization and a signing key are of [A-Za-z0-9_-]; the ids of clients and credentials may
 * hold anything, and stay as the path has them. */
static bool fits(const struct str *parameter, struct str given, const struct op_path *path)
{
	bool word = parameter == &path->organization || parameter == &path->kid;
	return given.n > 0 && (!word || str_is_word(given, "_-"));
}

/* Segment by segment. */
static bool matches(struct str form, struct str path, struct op_path *ret)
{
	*ret = op_path_none;
	while (form.p != NULL && path.p != NULL) {
		struct str wanted = str_split(&form, '/');
		struct str given = str_split(&path, '/');
		struct str *parameter = parameter_of(wanted, ret);
		if (parameter != NULL && fits(parameter, given, ret))
			*parameter = given;
		else if (parameter != NULL || !str_eq(wanted, given))
			return false;
	}
	return form.p == NULL && path.p == NULL;
}

static unsigned method_bit(struct str method)
{
	static const char *const methods[] = {"GET", "POST", "PATCH", "DELETE"};
	for (unsigned i = 0; i < sizeof methods / sizeof *methods; i++)
		if (str_eq(method, str_of(methods[i])))
			return 1U << i;
	return 0;
}

static const char *allow_text(unsigned methods)
{
	static const char *const texts[16] = {
		NULL,
		"GET",
		"POST",
		"GET, POST",
		"PATCH",
		"GET, PATCH",
		"POST, PATCH",
		"GET, POST, PATCH",
		"DELETE",
		"GET, DELETE",
		"POST, DELETE",
		"GET, POST, DELETE",
		"PATCH, DELETE",
		"GET, PATCH, DELETE",
		"POST, PATCH, DELETE",
		"GET, POST, PATCH, DELETE",
	};
	return texts[methods];
}

/* A path without parameters, as most requests have it. */
static const struct op_spec *find_literal(struct str method, struct str path)
{
	for (size_t i = 0; i < OP_COUNT; i++)
		if (str_eq(path, str_from(op_specs[i].path, op_specs[i].path_n)) && str_eq(method, str_of(op_specs[i].method)))
			return strchr(op_specs[i].path, '{') == NULL ? &op_specs[i] : NULL;
	return NULL;
}

const struct op_spec *op_find(struct str method, struct str path, struct op_path *ret_path, const char **ret_allow)
{
	unsigned allowed = 0;
	const struct op_spec *literal = find_literal(method, path);
	if (literal != NULL) {
		*ret_path = op_path_none;
		*ret_allow = NULL;
		return literal;
	}
	for (size_t i = 0; i < OP_COUNT; i++) {
		struct op_path here;
		if (!matches(str_of(op_specs[i].path), path, &here))
			continue;
		allowed |= method_bit(str_of(op_specs[i].method));
		if (!str_eq(method, str_of(op_specs[i].method)))
			continue;
		*ret_path = here;
		*ret_allow = NULL;
		return &op_specs[i];
	}
	*ret_allow = allow_text(allowed);
	return NULL;
}

const struct op_spec *op_find_grpc(struct str method)
{
	for (size_t i = 0; i < OP_COUNT; i++)
		if (op_specs[i].grpc != NULL && str_eq(method, str_of(op_specs[i].grpc)))
			return &op_specs[i];
	return NULL;
}
