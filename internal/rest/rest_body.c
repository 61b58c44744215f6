#include "rest/rest_body.h"

#include "op/op_input.h"

/* Deeper and longer than any body here, so that a member in the wrong place is named rather than
 * its depth. */
#define DEPTH_MAX  8
#define VALUES_MAX 256
#define TEXT(n)    TEXT_OF(n)
#define TEXT_OF(n) #n

static void refuse(struct op *op, const char *sentence)
{
	op_fail(op, ERR_INVALID_REQUEST, sentence);
}

static void tell_json(struct op *op, const struct json_refusal *why)
{
	switch (why->fault) {
	case JSON_FAULT_FORM:
		refuse(op, "The body is not well-formed JSON; it must be an object.");
		break;
	case JSON_FAULT_TEXT:
		refuse(op, "The body is not UTF-8, or holds a control character.");
		break;
	case JSON_FAULT_REPEATED:
		op_refuse_name(op, "The member ", why->key, " is given twice.");
		break;
	case JSON_FAULT_DEPTH:
		refuse(op, "The body is nested more than " TEXT(DEPTH_MAX) " deep.");
		break;
	case JSON_FAULT_VALUES:
		refuse(op, "The body has more than " TEXT(VALUES_MAX) " values.");
		break;
	case JSON_FAULT_MEMORY:
		op_fail(op, ERR_NO_MEMORY, NULL);
		break;
	}
}

const struct json *rest_read_object(struct op *op, struct str body)
{
	static const struct json_limits limits = {.max_depth = DEPTH_MAX, .max_values = VALUES_MAX};
	const struct json *object = NULL;
	struct json_refusal why = {.fault = JSON_FAULT_FORM};
	if (body.n == 0) {
		refuse(op, "The body is empty; it must be a JSON object.");
		return NULL;
	}
	if (json_parse_or_tell(op->arena, body, limits, &object, &why) != ERR_OK) {
		tell_json(op, &why);
		return NULL;
	}
	if (object->type == JSON_OBJECT)
		return object;
	refuse(op, "The body must be a JSON object.");
	return NULL;
}

static void tell_form(struct op *op, const struct form *form)
{
	switch (form->fault) {
	case FORM_FAULT_ESCAPE:
		op_refuse_name(op, "The parameter ", form->culprit, " has a malformed percent escape.");
		break;
	case FORM_FAULT_CONTROL:
		op_refuse_name(op, "The parameter ", form->culprit, " holds a control character.");
		break;
	case FORM_FAULT_UTF8:
		op_refuse_name(op, "The parameter ", form->culprit, " is not UTF-8.");
		break;
	case FORM_FAULT_REPEATED:
		op_refuse_name(op, "The parameter ", form->culprit, " is given twice.");
		break;
	case FORM_FAULT_FIELDS:
		refuse(op, "There are more than " TEXT(FORM_FIELDS_MAX) " parameters.");
		break;
	case FORM_FAULT_MEMORY:
		op_fail(op, ERR_NO_MEMORY, NULL);
		break;
	}
}

bool rest_read_form(struct op *op, struct str text, const char *repeatable, struct form *ret)
{
	if (form_parse(op->arena, text, repeatable, ret) == ERR_OK)
		return true;
	tell_form(op, ret);
	return false;
}

static struct str placed(struct op *op, const char *place, struct str name)
{
	return place[0] == '\0' ? name : arena_printf(op->arena, "%s%.*s", place, STR_ARG(name));
}

void rest_take_members(struct op *op, const struct json *object, const char *place, const struct rest_member *members)
{
	for (const struct json *v = object->child; v != NULL && op->err == ERR_OK; v = v->next) {
		const struct rest_member *m = members;
		while (m->name != NULL && !str_eq(v->key, str_of(m->name)))
			m++;
		if (m->name == NULL)
			op_refuse_name(op, "This operation doesn't know the member ", placed(op, place, v->key), ".");
		else if (!m->take(op, v, m->target))
			op_refuse_name(op, "The member ", placed(op, place, v->key), " is of the wrong type.");
	}
}

void rest_refuse_query(struct op *op, const char *query)
{
	struct form form;
	if (query != NULL && rest_read_form(op, str_of(query), NULL, &form) && form.n > 0)
		op_refuse_name(op, "This operation takes no parameters in the query: ", form.fields[0].name, ".");
}
