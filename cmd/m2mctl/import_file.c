#include "import_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"

#define WHOLE_MAX ((size_t)1 << 30)

/* Where we are in a text: of one line, or of the whole file. */
struct cursor {
	const char *p, *end;
	const char *counted; /* the newlines before it are in `line` */
	/* of the object that has the array; NULL: the array stands by itself */
	const char *object_end;
	uint32_t line;
	bool in_array;
};

struct import_file {
	FILE *in;
	const char *container;
	char *line; /* getline's, or the whole file */
	size_t cap;
	uint32_t lines; /* read */
	bool whole;
	struct cursor at;
};

/* ---- where a value ends ---- */

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
		p++;
	return p;
}

/* Behind the quote that ends the string at `p`; NULL: there is none. */
static const char *string_end(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p < end ? p + 1 : NULL;
}

/* Behind the value at `p`; NULL: it has no end. Whether it is JSON is asked elsewhere. */
static const char *value_end(const char *p, const char *end)
{
	int depth = 0;
	if (p < end && *p != '{' && *p != '[' && *p != '"') {
		while (p < end && (*p == '\0' || strchr(",]} \t\r\n", *p) == NULL))
			p++;
		return p;
	}
	while (p < end) {
		if (*p == '"') {
			p = string_end(p, end);
			if (p == NULL)
				return NULL;
		} else {
			depth += *p == '{' || *p == '[' ? 1 : *p == '}' || *p == ']' ? -1 : 0;
			p++;
		}
		if (depth == 0)
			return p;
	}
	return NULL;
}

/* The array that the object at `p` has as its member `name`; NULL: it has none. */
static const char *find_array(const char *p, const char *end, const char *name)
{
	size_t n = strlen(name);
	for (p = skip_space(p + 1, end); p < end && *p == '"';) {
		const char *key = p + 1;
		p = string_end(p, end);
		if (p == NULL)
			return NULL;
		bool found = (size_t)(p - 1 - key) == n && memcmp(key, name, n) == 0;
		p = skip_space(p, end);
		p = skip_space(p < end && *p == ':' ? p + 1 : end, end);
		if (found)
			return p < end && *p == '[' ? p : NULL;
		p = p < end ? value_end(p, end) : NULL;
		if (p == NULL)
			return NULL;
		p = skip_space(p, end);
		p = skip_space(p < end && *p == ',' ? p + 1 : p, end);
	}
	return NULL;
}

/* ---- one record after the other ---- */

static bool at_end(struct cursor *c)
{
	c->p = skip_space(c->p, c->end);
	while (c->in_array && c->p < c->end && *c->p == ',')
		c->p = skip_space(c->p + 1, c->end);
	return c->p == c->end;
}

static bool give(struct cursor *c, const char *end, bool broken, struct import_record *ret)
{
	for (; c->counted < c->p; c->counted++)
		c->line += *c->counted == '\n';
	*ret = (struct import_record){.line = c->line, .text = str_from(c->p, (size_t)(end - c->p)), .broken = broken};
	c->p = end;
	return true;
}

/* Goes into an array, or out of it. False: there is neither here. */
static bool step(struct cursor *c, const char *container)
{
	if (c->in_array && *c->p == ']') {
		c->in_array = false;
		c->p = c->object_end != NULL ? c->object_end : c->p + 1;
		return true;
	}
	if (c->in_array)
		return false;
	const char *array = *c->p == '[' ? c->p : container != NULL && *c->p == '{' ? find_array(c->p, c->end, container) : NULL;
	if (array == NULL)
		return false;
	c->object_end = array == c->p ? NULL : value_end(c->p, c->end);
	c->in_array = true;
	c->p = array + 1;
	return true;
}

static bool cursor_next(struct cursor *c, const char *container, struct import_record *ret)
{
	while (!at_end(c)) {
		if (step(c, container))
			continue;
		const char *end = value_end(c->p, c->end);
		bool broken = end == NULL || end == c->p;
		if (broken)
			c->in_array = false;
		return give(c, broken ? c->end : end, broken, ret);
	}
	bool cut_off = c->in_array;
	c->in_array = false;
	return cut_off && give(c, c->end, true, ret);
}

/* ---- the file ---- */

static struct cursor cursor_at(const char *text, size_t n, uint32_t line)
{
	return (struct cursor){.p = text, .end = text + n, .counted = text, .line = line};
}

static bool read_line(struct import_file *f, size_t *ret_n)
{
	ssize_t n = getline(&f->line, &f->cap, f->in);
	if (n < 0)
		return false;
	f->lines++;
	*ret_n = (size_t)n;
	return true;
}

/* The rest behind the first line. */
static bool read_rest(struct import_file *f, size_t n, size_t *ret_n)
{
	for (size_t got = 1; got > 0; n += got) {
		if (n + 65536 > f->cap) {
			char *more = n < WHOLE_MAX ? realloc(f->line, 2 * n + 65536) : NULL;
			if (more == NULL)
				return false;
			f->line = more;
			f->cap = 2 * n + 65536;
		}
		got = fread(f->line + n, 1, f->cap - n, f->in);
	}
	*ret_n = n;
	return true;
}

/* A file whose first line is a whole value is one of lines. */
static bool begin(struct import_file *f)
{
	size_t n = 0;
	const char *p = NULL;
	while (p == NULL || p == f->line + n) { /* empty lines */
		if (!read_line(f, &n))
			return ferror(f->in) == 0;
		p = skip_space(f->line, f->line + n);
	}
	const char *end = value_end(p, f->line + n);
	f->whole = *p == '[' || (*p == '{' && end == NULL && skip_space(p + 1, f->line + n) == f->line + n);
	uint32_t line = f->lines;
	if (f->whole && !read_rest(f, n, &n))
		return false;
	f->at = cursor_at(f->line, n, line);
	return true;
}

int import_file_open(struct str path, const char *container, struct import_file **ret)
{
	struct import_file *f = calloc(1, sizeof *f);
	char *name = strndup(path.p, path.n);
	bool is_stdin = str_eq(path, STR("-"));
	if (f != NULL && name != NULL)
		f->in = is_stdin ? stdin : fopen(name, "r");
	free(name);
	errno = f != NULL && f->in != NULL ? 0 : errno;
	if (f == NULL || f->in == NULL || (f->container = container, !begin(f))) {
		ctl_say("%.*s: %s", is_stdin ? 5 : (int)path.n, is_stdin ? "stdin" : path.p,
			errno != 0 ? strerror(errno) : "it holds more than there is memory for; give it one client a line");
		import_file_close(f);
		return EXIT_FAILED;
	}
	*ret = f;
	return EXIT_DONE;
}

void import_file_close(struct import_file *f)
{
	if (f == NULL)
		return;
	if (f->in != NULL && f->in != stdin)
		fclose(f->in);
	if (f->line != NULL)
		crypto_wipe(f->line, f->cap);
	free(f->line);
	free(f);
}

bool import_file_next(struct import_file *f, struct import_record *ret, bool *ret_failed)
{
	size_t n;
	while (f->at.p == NULL || !cursor_next(&f->at, f->container, ret)) {
		if (f->whole || !read_line(f, &n)) {
			*ret_failed = ferror(f->in) != 0;
			return false;
		}
		f->at = cursor_at(f->line, n, f->lines);
	}
	return true;
}
