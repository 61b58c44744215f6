/* openapi.yaml -> openapi.json, a step of the build.
 *
 * libyaml's events come in, JSON text goes out in the same order; nothing is kept but the names
 * of the mappings that are open. Plain scalars are read by YAML 1.2's core schema, everything
 * quoted or in a block is a string. What a contract has no use for (anchors, aliases, tags, a
 * second document) or what readers of YAML don't agree about (repeated names, numbers that JSON
 * writes otherwise) is refused with its line, and then nothing is written. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define DEPTH_MAX 64

struct reader {
	const char *name; /* of the file, for messages */
	yaml_parser_t parser;
	FILE *out;
	unsigned depth;
};

/* One mapping's names so far. */
struct name {
	struct name *next;
	size_t n;
	char text[];
};

enum plain { PLAIN_STRING, PLAIN_NULL, PLAIN_TRUE, PLAIN_FALSE, PLAIN_NUMBER, PLAIN_FOREIGN };

#define AUTO_EVENT __attribute__((cleanup(yaml_event_delete))) yaml_event_t

__attribute__((format(printf, 3, 4))) static bool refuse(const struct reader *r, yaml_mark_t at, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "%s:%zu: ", r->name, at.line + 1);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return false;
}

static bool next_event(struct reader *r, yaml_event_t *event)
{
	if (yaml_parser_parse(&r->parser, event) == 1)
		return true;
	const char *problem = r->parser.problem != NULL ? r->parser.problem : "it can't be read";
	return refuse(r, r->parser.problem_mark, "%s", problem);
}

/* ---- scalars ---- */

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

/* YAML 1.2 section 10.3.2: [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?,
 * 0o and 0x, and the words of floats. */
static bool is_core_number(const char *s)
{
	static const char *const infinities[] = {".inf", ".Inf", ".INF"};
	static const char *const nans[] = {".nan", ".NaN", ".NAN"};
	for (size_t i = 0; i < 3; i++)
		if (strcmp(s, nans[i]) == 0)
			return true;
	if (strncmp(s, "0o", 2) == 0)
		return s[2] != '\0' && s[2 + strspn(s + 2, "01234567")] == '\0';
	if (strncmp(s, "0x", 2) == 0)
		return s[2] != '\0' && s[2 + strspn(s + 2, "0123456789abcdefABCDEF")] == '\0';
	s += *s == '-' || *s == '+';
	for (size_t i = 0; i < 3; i++)
		if (strcmp(s, infinities[i]) == 0)
			return true;
	size_t whole = digits(s);
	s += whole;
	if (*s == '.') {
		size_t fraction = digits(++s);
		if (whole + fraction == 0)
			return false;
		s += fraction;
	} else if (whole == 0) {
		return false;
	}
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '-' || *s == '+';
		if (digits(s) == 0)
			return false;
		s += digits(s);
	}
	return *s == '\0';
}

/* RFC 8259 section 6, given that it is a number of YAML's. */
static bool is_json_number(const char *s)
{
	s += *s == '-';
	size_t whole = digits(s);
	if (whole == 0 || (whole > 1 && *s == '0'))
		return false;
	s += whole;
	return *s == '\0' || *s == 'e' || *s == 'E' || (*s == '.' && digits(s + 1) > 0);
}

static enum plain plain_of(const char *s)
{
	static const struct {
		const char *text;
		enum plain is;
	} words[] = {{"", PLAIN_NULL},       {"~", PLAIN_NULL},      {"null", PLAIN_NULL},  {"Null", PLAIN_NULL},
		     {"NULL", PLAIN_NULL},   {"true", PLAIN_TRUE},   {"True", PLAIN_TRUE},  {"TRUE", PLAIN_TRUE},
		     {"false", PLAIN_FALSE}, {"False", PLAIN_FALSE}, {"FALSE", PLAIN_FALSE}};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(s, words[i].text) == 0)
			return words[i].is;
	if (!is_core_number(s))
		return PLAIN_STRING;
	return is_json_number(s) ? PLAIN_NUMBER : PLAIN_FOREIGN;
}

static enum plain scalar_of(const yaml_event_t *event)
{
	return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? plain_of((const char *)event->data.scalar.value) : PLAIN_STRING;
}

/* libyaml has made sure of the UTF-8. */
static void write_string(FILE *out, const unsigned char *text, size_t n)
{
	fputc('"', out);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = text[i];
		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", out);
		else if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static bool write_scalar(struct reader *r, const yaml_event_t *event)
{
	const yaml_char_t *text = event->data.scalar.value;
	if (event->data.scalar.tag != NULL)
		return refuse(r, event->start_mark, "tags are not understood");
	if (event->data.scalar.anchor != NULL)
		return refuse(r, event->start_mark, "anchors are not understood");
	switch (scalar_of(event)) {
	case PLAIN_NULL:
		fputs("null", r->out);
		break;
	case PLAIN_TRUE:
		fputs("true", r->out);
		break;
	case PLAIN_FALSE:
		fputs("false", r->out);
		break;
	case PLAIN_NUMBER:
		fputs((const char *)text, r->out);
		break;
	case PLAIN_STRING:
		write_string(r->out, text, event->data.scalar.length);
		break;
	case PLAIN_FOREIGN:
		return refuse(r, event->start_mark, "the number %s is none of JSON's", text);
	}
	return true;
}

/* ---- collections ---- */

static bool write_node(struct reader *r, const yaml_event_t *event);

static bool write_items(struct reader *r)
{
	for (bool first = true;; first = false) {
		AUTO_EVENT event = {0};
		if (!next_event(r, &event))
			return false;
		if (event.type == YAML_SEQUENCE_END_EVENT)
			return true;
		if (!first)
			fputc(',', r->out);
		if (!write_node(r, &event))
			return false;
	}
}

static bool take_name(const struct reader *r, struct name **names, const yaml_event_t *event)
{
	if (event->type != YAML_SCALAR_EVENT || scalar_of(event) != PLAIN_STRING)
		return refuse(r, event->start_mark, "a name must be a string; put it in quotes");
	size_t n = event->data.scalar.length;
	for (const struct name *it = *names; it != NULL; it = it->next)
		if (it->n == n && memcmp(it->text, event->data.scalar.value, n) == 0)
			return refuse(r, event->start_mark, "the name %s is there already", event->data.scalar.value);
	struct name *name = malloc(sizeof *name + n);
	if (name == NULL)
		return refuse(r, event->start_mark, "out of memory");
	memcpy(name->text, event->data.scalar.value, n);
	name->n = n;
	name->next = *names;
	*names = name;
	return true;
}

/* One name and its value; *ret_end instead when the mapping ends. */
static bool write_member(struct reader *r, struct name **names, bool *ret_end)
{
	AUTO_EVENT name = {0};
	AUTO_EVENT value = {0};
	if (!next_event(r, &name))
		return false;
	*ret_end = name.type == YAML_MAPPING_END_EVENT;
	if (*ret_end)
		return true;
	if (*names != NULL)
		fputc(',', r->out);
	if (!take_name(r, names, &name) || !write_scalar(r, &name) || !next_event(r, &value))
		return false;
	fputc(':', r->out);
	return write_node(r, &value);
}

static bool write_members(struct reader *r)
{
	struct name *names = NULL;
	bool end = false;
	bool good = true;
	while (good && !end)
		good = write_member(r, &names, &end);
	while (names != NULL) {
		struct name *next = names->next;
		free(names);
		names = next;
	}
	return good;
}

static bool write_collection(struct reader *r, const yaml_event_t *event, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	bool sequence = event->type == YAML_SEQUENCE_START_EVENT;
	if (anchor != NULL)
		return refuse(r, event->start_mark, "anchors are not understood");
	if (tag != NULL)
		return refuse(r, event->start_mark, "tags are not understood");
	if (r->depth == DEPTH_MAX)
		return refuse(r, event->start_mark, "it goes deeper than %d levels", DEPTH_MAX);
	r->depth++;
	fputc(sequence ? '[' : '{', r->out);
	if (!(sequence ? write_items(r) : write_members(r)))
		return false;
	fputc(sequence ? ']' : '}', r->out);
	r->depth--;
	return true;
}

static bool write_node(struct reader *r, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return write_scalar(r, event);
	case YAML_SEQUENCE_START_EVENT:
		return write_collection(r, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return write_collection(r, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
	case YAML_ALIAS_EVENT:
		return refuse(r, event->start_mark, "aliases are not understood");
	default:
		return refuse(r, event->start_mark, "there is no value here");
	}
}

/* ---- the stream ---- */

static bool expect(struct reader *r, yaml_event_type_t type, const char *why)
{
	AUTO_EVENT event = {0};
	return next_event(r, &event) && (event.type == type || refuse(r, event.start_mark, "%s", why));
}

static bool write_document(struct reader *r)
{
	if (!expect(r, YAML_STREAM_START_EVENT, "this is no YAML") || !expect(r, YAML_DOCUMENT_START_EVENT, "there is no document"))
		return false;
	AUTO_EVENT root = {0};
	if (!next_event(r, &root) || !write_node(r, &root))
		return false;
	fputc('\n', r->out);
	return expect(r, YAML_DOCUMENT_END_EVENT, "the document goes on behind its end") &&
	       expect(r, YAML_STREAM_END_EVENT, "there is a second document");
}

/* The whole of it in memory first, so that nobody finds half a file. *ret_text is the caller's
 * to free, whatever came of it. */
static bool convert(const char *name, FILE *in, char **ret_text, size_t *ret_n)
{
	struct reader r = {.name = name, .out = open_memstream(ret_text, ret_n)};
	bool good = false;
	if (r.out == NULL || yaml_parser_initialize(&r.parser) != 1) {
		fprintf(stderr, "%s: out of memory\n", name);
	} else {
		yaml_parser_set_input_file(&r.parser, in);
		good = write_document(&r);
		yaml_parser_delete(&r.parser);
	}
	if (r.out != NULL && fclose(r.out) != 0 && good) {
		fprintf(stderr, "%s: out of memory\n", name);
		good = false;
	}
	return good;
}

static bool save(const char *name, const char *text, size_t n)
{
	FILE *out = fopen(name, "w");
	bool good = out != NULL && fwrite(text, 1, n, out) == n;
	if (out != NULL && fclose(out) != 0)
		good = false;
	if (!good)
		perror(name);
	return good;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fputs("usage: yaml_to_json IN.yaml OUT.json\n", stderr);
		return 2;
	}
	FILE *in = fopen(argv[1], "r");
	if (in == NULL) {
		perror(argv[1]);
		return 1;
	}
	char *text = NULL;
	size_t n = 0;
	bool good = convert(argv[1], in, &text, &n) && save(argv[2], text, n);
	free(text);
	fclose(in);
	return good ? 0 : 1;
}
