#include "output.h"

#include <assert.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/visible.h"
#include "config/config.h"
#include "k8s_secret.h"
#include "json/json_write.h"

struct field field_text(const char *key, struct str text)
{
	return (struct field){.key = key, .kind = FIELD_TEXT, .text = text};
}
struct field field_words(const char *key, struct str joined)
{
	return (struct field){.key = key, .kind = FIELD_WORDS, .text = joined};
}
struct field field_networks(const char *key, struct str joined)
{
	return (struct field){.key = key, .kind = FIELD_NETWORKS, .text = joined};
}
struct field field_raw(const char *key, struct str json)
{
	return (struct field){.key = key, .kind = FIELD_RAW, .text = json};
}
struct field field_number(const char *key, int64_t number)
{
	return (struct field){.key = key, .kind = FIELD_NUMBER, .number = number};
}
struct field field_bool(const char *key, bool value)
{
	return (struct field){.key = key, .kind = FIELD_BOOL, .number = value};
}

struct field field_time(struct ctl *ctl, const char *key, int64_t us)
{
	char text[CLOCK_RFC3339_LEN];
	if (us == 0)
		return field_text(key, STR_NONE);
	clock_rfc3339(us, text);
	return field_text(key, arena_copy(ctl->a, str_from(text, sizeof text)));
}

struct field field_uuid(struct ctl *ctl, const char *key, struct uuid id)
{
	char text[UUID_TEXT_LEN];
	uuid_format(id, text);
	return field_text(key, arena_copy(ctl->a, str_from(text, sizeof text)));
}

struct field field_in_env(const char *env, struct field field)
{
	assert(config_is_printed(str_of(env))); /* else the next m2mctl in that shell would refuse it */
	field.env = env;
	return field;
}

/* Whoever chose the text drives no terminal with it, and breaks no line. */
static struct str visible(struct ctl *ctl, struct str text)
{
	if (text_is_visible(text, ""))
		return text;
	struct sbuf out = sbuf_in(ctl->a, 2 * text.n);
	sbuf_put_visible(&out, text, "");
	return sbuf_str(&out);
}

/* What a person reads. */
static struct str shown(struct ctl *ctl, const struct field *f)
{
	if (f->kind == FIELD_NUMBER)
		return arena_printf(ctl->a, "%lld", (long long)f->number);
	if (f->kind == FIELD_BOOL)
		return f->number != 0 ? STR("yes") : STR("no");
	return f->text.p == NULL || f->text.n == 0 ? STR("-") : visible(ctl, f->text);
}

static void put_json(struct json_out *o, const struct field *f)
{
	struct str rest = f->text;

	switch (f->kind) {
	case FIELD_TEXT:
		json_put_str(o, f->key, f->text);
		break;
	case FIELD_NUMBER:
		json_put_int(o, f->key, f->number);
		break;
	case FIELD_BOOL:
		json_put_bool(o, f->key, f->number != 0);
		break;
	case FIELD_RAW:
		json_put_raw(o, f->key, f->text.p == NULL ? STR("null") : f->text);
		break;
	case FIELD_NETWORKS:
		if (f->text.p == NULL) {
			json_put_str(o, f->key, STR_NONE);
			break;
		}
		/* fall through */
	case FIELD_WORDS:
		json_open(o, f->key, '[');
		for (struct str word = str_split(&rest, ' '); word.n > 0; word = str_split(&rest, ' '))
			json_put_str(o, NULL, word);
		json_close(o, ']');
		break;
	}
}

static void put_object(struct json_out *o, const struct field *fields, size_t n)
{
	json_open(o, NULL, '{');
	for (size_t i = 0; i < n; i++)
		put_json(o, &fields[i]);
	json_close(o, '}');
}

/* NAME=value as a shell reads it: quoted only where it must be, so that line-by-line readers do
 * as well. */
static void put_env(struct ctl *ctl, struct sbuf *out, const struct field *f)
{
	struct str value = shown(ctl, f);

	if (f->env == NULL || (f->kind == FIELD_TEXT && f->text.p == NULL))
		return;
	sbuf_printf(out, "%s=", f->env);
	if (value.n > 0 && str_is_word(value, "_./:@%+=,-")) {
		sbuf_put(out, value);
	} else {
		sbuf_putc(out, '\'');
		for (size_t i = 0; i < value.n; i++) {
			if (value.p[i] == '\'')
				sbuf_putz(out, "'\\''");
			else
				sbuf_putc(out, value.p[i]);
		}
		sbuf_putc(out, '\'');
	}
	sbuf_putc(out, '\n');
}

/* What a spreadsheet takes for the beginning of a formula, also behind spaces, and as full-width
 * forms. */
static bool begins_formula(struct str value)
{
	static const char *const starts[] = {"=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"};
	while (str_starts(value, STR(" ")))
		value = str_from(value.p + 1, value.n - 1);
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
		if (str_starts(value, str_of(starts[i])))
			return true;
	return false;
}

/* RFC 4180, for programs and for spreadsheets: these take an apostrophe before a formula,
 * whoever sent it (a user agent, say), for text. */
static void put_csv_value(struct ctl *ctl, struct sbuf *out, struct str raw)
{
	struct str value = visible(ctl, raw);
	sbuf_putc(out, '"');
	if (begins_formula(raw))
		sbuf_putc(out, '\'');
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '"')
			sbuf_putc(out, '"');
		sbuf_putc(out, value.p[i]);
	}
	sbuf_putc(out, '"');
}

/* Absent is nothing, and empty is "". */
static void put_csv_row(struct ctl *ctl, struct sbuf *out, const struct field *fields, size_t columns)
{
	for (size_t i = 0; i < columns; i++) {
		const struct field *f = &fields[i];
		sbuf_putz(out, i > 0 ? "," : "");
		if (f->kind == FIELD_NUMBER || f->kind == FIELD_BOOL)
			sbuf_put(out, shown(ctl, f));
		else if (f->text.p != NULL)
			put_csv_value(ctl, out, f->text);
	}
	sbuf_putz(out, "\r\n");
}

static void put_csv_titles(struct sbuf *out, const struct field *fields, size_t columns)
{
	for (size_t i = 0; i < columns; i++)
		sbuf_printf(out, "%s%s", i > 0 ? "," : "", fields[i].key);
	sbuf_putz(out, "\r\n");
}

static void pad(struct sbuf *out, size_t n)
{
	while (n-- > 0)
		sbuf_putc(out, ' ');
}

int output_text(const struct sbuf *built)
{
	struct str text = sbuf_str(built);
	if (text.p == NULL) {
		ctl_say("there is no memory left for the output");
		return EXIT_FAILED;
	}
	if (fwrite(text.p, 1, text.n, stdout) != text.n || fflush(stdout) != 0) {
		ctl_say("stdout can't be written: %m");
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

int output_json(struct ctl *ctl, const struct sbuf *built)
{
	struct str text = sbuf_str(built);
	if (text.p == NULL || text_is_visible(text, "\n"))
		return output_text(built);
	struct sbuf out = sbuf_in(ctl->a, text.n);
	sbuf_put_visible(&out, text, "\n");
	return output_text(&out);
}

/* What was built in the form that --output says. */
static int output_built(struct ctl *ctl, const struct sbuf *built)
{
	return ctl->output == OUTPUT_JSON ? output_json(ctl, built) : output_text(built);
}

int output_record(struct ctl *ctl, const struct field *fields, size_t n)
{
	struct sbuf out = sbuf_in(ctl->a, 1024);
	struct json_out o = json_out_start(&out);
	size_t width = 0;

	for (size_t i = 0; i < n; i++)
		width = strlen(fields[i].key) > width ? strlen(fields[i].key) : width;
	switch (ctl->output) {
	case OUTPUT_JSON:
		put_object(&o, fields, n);
		sbuf_putc(&out, '\n');
		break;
	case OUTPUT_CSV:
		put_csv_titles(&out, fields, n);
		put_csv_row(ctl, &out, fields, n);
		break;
	case OUTPUT_ENV:
		for (size_t i = 0; i < n; i++)
			put_env(ctl, &out, &fields[i]);
		break;
	case OUTPUT_K8S_SECRET: /* only credentials have that form: k8s_secret_check */
	case OUTPUT_TEXT:
		for (size_t i = 0; i < n; i++) {
			sbuf_putz(&out, fields[i].key);
			pad(&out, width + 2 - strlen(fields[i].key));
			sbuf_put(&out, shown(ctl, &fields[i]));
			sbuf_putc(&out, '\n');
		}
		break;
	}
	return output_built(ctl, &out);
}

int output_credentials(struct ctl *ctl, struct str organization, const struct field *fields, size_t n)
{
	if (ctl->output != OUTPUT_K8S_SECRET)
		return output_record(ctl, fields, n);
	struct sbuf out = sbuf_in(ctl->a, 1024);
	k8s_secret_put(ctl, &out, organization, fields, n);
	return output_text(&out);
}

/* Characters, not bytes, so that columns stay aligned. */
static size_t width_of(struct str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

static void put_table(struct ctl *ctl, struct sbuf *out, const struct field *fields, size_t columns, size_t rows)
{
	size_t *widths = arena_alloc(ctl->a, columns * sizeof *widths);
	if (widths == NULL) {
		out->overflow = true;
		return;
	}
	for (size_t column = 0; column < columns; column++) {
		widths[column] = strlen(fields[column].key);
		for (size_t row = 0; row < rows; row++) {
			size_t width = width_of(shown(ctl, &fields[row * columns + column]));
			widths[column] = width > widths[column] ? width : widths[column];
		}
	}
	for (size_t column = 0; column < columns; column++) {
		const char *title = fields[column].key;
		for (const char *c = title; *c != '\0'; c++)
			sbuf_putc(out, *c == '_' ? ' ' : (char)(*c - ('a' - 'A')));
		if (column + 1 < columns)
			pad(out, widths[column] + 2 - strlen(title));
	}
	sbuf_putc(out, '\n');
	for (size_t row = 0; row < rows; row++) {
		for (size_t column = 0; column < columns; column++) {
			struct str text = shown(ctl, &fields[row * columns + column]);
			sbuf_put(out, text);
			if (column + 1 < columns)
				pad(out, widths[column] + 2 - width_of(text));
		}
		sbuf_putc(out, '\n');
	}
}

struct field *output_room(const struct ctl *ctl, size_t columns, size_t rows)
{
	struct field *fields = arena_alloc(ctl->a, (rows + 1) * columns * sizeof *fields);
	if (fields == NULL)
		ctl_say("there are more rows than there is memory for");
	return fields;
}

int output_rows_check(const struct ctl *ctl)
{
	return ctl->output == OUTPUT_ENV ? ctl_usage(ctl, "a list has no env form; use --output text, json or csv") : EXIT_DONE;
}

int output_rows(struct ctl *ctl, const char *what, const struct field *fields, size_t columns, size_t rows)
{
	struct sbuf out = sbuf_in(ctl->a, 4096);
	struct json_out o = json_out_start(&out);

	switch (ctl->output) {
	case OUTPUT_ENV:
		return output_rows_check(ctl);
	case OUTPUT_CSV:
		if (rows > 0)
			put_csv_titles(&out, fields, columns);
		for (size_t row = 0; row < rows; row++)
			put_csv_row(ctl, &out, fields + row * columns, columns);
		break;
	case OUTPUT_JSON:
		json_open(&o, NULL, '[');
		for (size_t row = 0; row < rows; row++)
			put_object(&o, fields + row * columns, columns);
		json_close(&o, ']');
		sbuf_putc(&out, '\n');
		break;
	case OUTPUT_K8S_SECRET: /* only credentials have that form: k8s_secret_check */
	case OUTPUT_TEXT:
		if (rows == 0)
			ctl_say("no %s", what);
		else
			put_table(ctl, &out, fields, columns, rows);
		break;
	}
	return output_built(ctl, &out);
}

int output_next_rows(struct ctl *ctl, bool first, const struct field *fields, size_t columns, size_t rows)
{
	struct sbuf out = sbuf_in(ctl->a, 4096);
	if (rows == 0)
		return EXIT_DONE;
	if (first && ctl->output == OUTPUT_TEXT)
		put_table(ctl, &out, fields, columns, rows);
	if (first && ctl->output == OUTPUT_CSV)
		put_csv_titles(&out, fields, columns);
	for (size_t row = 0; row < rows && !(first && ctl->output == OUTPUT_TEXT); row++) {
		const struct field *f = fields + row * columns;
		struct json_out o = json_out_start(&out);
		if (ctl->output == OUTPUT_JSON) {
			put_object(&o, f, columns);
			sbuf_putc(&out, '\n');
		} else if (ctl->output == OUTPUT_CSV) {
			put_csv_row(ctl, &out, f, columns);
		} else {
			for (size_t i = 0; i < columns; i++) {
				sbuf_putz(&out, i > 0 ? "  " : "");
				sbuf_put(&out, shown(ctl, &f[i]));
			}
			sbuf_putc(&out, '\n');
		}
	}
	return output_built(ctl, &out);
}

int output_line_or_record(struct ctl *ctl, struct str line, const struct field *fields, size_t n)
{
	if (ctl->output != OUTPUT_TEXT)
		return output_record(ctl, fields, n);
	struct sbuf out = sbuf_in(ctl->a, line.n + 1);
	sbuf_put(&out, line);
	sbuf_putc(&out, '\n');
	return output_text(&out);
}
