#include "audit_report.h"

#include "operator/audit.h"
#include "operator/report.h"
#include "options.h"
#include "output.h"
#include "json/json_read.h"

static const struct json_limits row_limits = {.max_depth = 4, .max_values = 4096};

static struct str raw_words(struct ctl *ctl, const struct json *array)
{
	struct sbuf out = sbuf_in(ctl->a, 64);
	for (const struct json *v = array->child; v != NULL; v = v->next) {
		sbuf_putz(&out, v == array->child ? "" : " ");
		sbuf_put(&out, v->text);
	}
	return sbuf_str(&out);
}

static struct str object_text(struct ctl *ctl, const struct json *object)
{
	struct sbuf out = sbuf_in(ctl->a, 256);
	for (const struct json *v = object->child; v != NULL; v = v->next) {
		if (v->text.p == NULL)
			continue; /* null, or nested: the JSON form has it */
		sbuf_putz(&out, out.n > 0 ? " " : "");
		sbuf_printf(&out, "%.*s=%.*s", STR_ARG(v->key), STR_ARG(v->text));
	}
	return sbuf_str(&out);
}

static struct field field_of(struct ctl *ctl, const struct json *v)
{
	int64_t number = 0;
	const char *key = v->key.p; /* NUL-terminated, as json_read.h says of text */
	switch (v->type) {
	case JSON_NULL:
		return field_text(key, STR_NONE);
	case JSON_TRUE:
	case JSON_FALSE:
		return field_bool(key, v->type == JSON_TRUE);
	case JSON_NUMBER:
		return json_integer(v, INT64_MIN, INT64_MAX, &number) == ERR_OK ? field_number(key, number) : field_text(key, v->text);
	case JSON_ARRAY:
		return field_words(key, raw_words(ctl, v));
	case JSON_OBJECT:
		return field_text(key, object_text(ctl, v));
	case JSON_STRING:
		break;
	}
	return field_text(key, v->text);
}

/* JSON as it came; else in columns, which all rows have alike. */
static int print_rows(struct ctl *ctl, const struct str *rows, size_t n)
{
	if (ctl->output == OUTPUT_JSON) {
		struct sbuf out = sbuf_in(ctl->a, 4096);
		for (size_t i = 0; i < n; i++) {
			sbuf_putz(&out, i == 0 ? "[" : ",\n ");
			sbuf_put(&out, rows[i]);
		}
		sbuf_putz(&out, n == 0 ? "[]\n" : "]\n");
		return output_json(ctl, &out);
	}
	struct field *fields = NULL;
	size_t columns = 0;
	for (size_t i = 0; i < n; i++) {
		const struct json *object = NULL;
		if (json_parse(ctl->a, rows[i], row_limits, &object) != ERR_OK)
			return ctl_exit_code(ERR_NO_MEMORY);
		if (i == 0) {
			for (const struct json *v = object->child; v != NULL; v = v->next)
				columns++;
			fields = arena_alloc(ctl->a, (n * columns + 1) * sizeof *fields);
		}
		size_t column = 0;
		for (const struct json *v = object->child; fields != NULL && v != NULL && column < columns; v = v->next)
			fields[i * columns + column++] = field_of(ctl, v);
	}
	if (n > 0 && fields == NULL) {
		ctl_say("there is no memory left");
		return EXIT_FAILED;
	}
	return output_rows(ctl, "rows", fields, columns, n);
}

int audit_report(struct ctl *ctl, char **args)
{
	const struct str *rows = NULL;
	size_t n = 0;
	struct report_question question = {.limit = 100};
	const struct option options[] = {
		{"--org", OPTION_TEXT, &question.org, 0, 0},
		{"--client", OPTION_TEXT, &question.client_id, 0, 0},
		{"--limit", OPTION_NUMBER, &question.limit, 1, AUDIT_LIMIT_MAX},
	};
	int status = options_read(ctl, args, options, sizeof options / sizeof options[0], &question.name);
	if (status == EXIT_DONE && question.name.p == NULL)
		status = ctl_usage(ctl, "which report?");
	if (status == EXIT_DONE)
		status = output_rows_check(ctl);
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status != EXIT_DONE)
		return status;
	enum err err = operator_report(ctl->db, &question, &rows, &n);
	if (err == ERR_NOT_PRESENT || err == ERR_MISMATCH)
		return ctl_usage(ctl, "%s", operator_why(ctl->db));
	status = ctl_ended(ctl, err);
	if (status == EXIT_DONE)
		status = print_rows(ctl, rows, n);
	if (status == EXIT_DONE && n == (size_t)question.limit)
		ctl_say("there may be more: --limit %d", question.limit);
	return status;
}

int audit_story(struct ctl *ctl, char **args)
{
	const struct str *rows = NULL;
	size_t n = 0;
	struct str text = STR_NONE;
	struct uuid jti;
	int status = options_read(ctl, args, NULL, 0, &text);
	if (status == EXIT_DONE && uuid_parse(text, &jti) != ERR_OK)
		status = ctl_usage(ctl, "expected the jti of a token, a UUID");
	if (status == EXIT_DONE)
		status = output_rows_check(ctl);
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_story(ctl->db, &jti, &rows, &n));
	return status == EXIT_DONE ? print_rows(ctl, rows, n) : status;
}
