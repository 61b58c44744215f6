#include "rest/rest_shed.h"

/* The token operation that is asked for, or NULL. */
static const struct op_spec *token_operation(const struct rest_message *m)
{
	static const enum op_id ids[] = {OP_OAUTH_TOKEN, OP_ISSUE_TOKEN};
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		const struct op_spec *spec = &op_specs[ids[i]];
		if (str_eq(m->path, str_from(spec->path, spec->path_n)) && str_eq(m->method, str_of(spec->method)))
			return spec;
	}
	return NULL;
}

struct str rest_shed(struct rest_shed *s, const struct rest_message *m)
{
	if (!issue_is_full(s->env->store) || m->headers[REST_X_REQUEST_ID].count > 0)
		return STR_NONE;
	const struct op_spec *spec = token_operation(m);
	if (spec == NULL)
		return STR_NONE;
	rest_refusal_alone(&s->refusal, ERR_OVERLOADED, NULL, spec->errors == OP_ERRORS_OAUTH);
	op_shed(s->env, spec->id, 'r');
	return rest_refusal_text(&s->refusal, false);
}
