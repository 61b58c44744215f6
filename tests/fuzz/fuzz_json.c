/* Whatever json_parse accepts, written out again with json_write, must read back as the same
 * tree; whatever it refuses must leave the result untouched. Overruns in the reader, in yajl or
 * in the writer are the sanitizers' to find. */
#include <stdint.h>
#include <stdlib.h>

#include "base/sbuf.h"
#include "base/utf8.h"
#include "json/json_read.h"
#include "json/json_write.h"

static const struct json_limits limits = {.max_depth = 8, .max_values = 256};

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void must_be_text(struct str s)
{
	must(s.p != NULL && s.p[s.n] == '\0' && memchr(s.p, '\0', s.n) == NULL);
	while (s.n > 0) {
		size_t n = utf8_next(s);
		must(n > 0);
		s = str_from(s.p + n, s.n - n);
	}
}

/* json_write takes keys as they are, so that a key from outside has to be quoted here. */
static void write_key(struct json_out *o, const struct json *v)
{
	if (v->key.p == NULL)
		return;
	if (o->comma)
		sbuf_putc(o->buf, ',');
	sbuf_put_json(o->buf, v->key);
	sbuf_putc(o->buf, ':');
	o->comma = false;
}

static void write_tree(struct json_out *o, const struct json *v)
{
	write_key(o, v);
	switch (v->type) {
	case JSON_NULL:
		json_put_str(o, NULL, STR_NONE);
		break;
	case JSON_FALSE:
	case JSON_TRUE:
		json_put_bool(o, NULL, v->type == JSON_TRUE);
		break;
	case JSON_NUMBER:
		json_put_raw(o, NULL, v->text);
		break;
	case JSON_STRING:
		must_be_text(v->text);
		json_put_str(o, NULL, v->text);
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		json_open(o, NULL, v->type == JSON_ARRAY ? '[' : '{');
		for (const struct json *child = v->child; child != NULL; child = child->next)
			write_tree(o, child);
		json_close(o, v->type == JSON_ARRAY ? ']' : '}');
		break;
	}
}

static bool same(const struct json *a, const struct json *b)
{
	for (; a != NULL && b != NULL; a = a->next, b = b->next)
		if (a->type != b->type || !str_eq(a->key, b->key) || !str_eq(a->text, b->text) || !same(a->child, b->child))
			return false;
	return a == b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(1 << 20);
	must(a != NULL);

	const struct json *first = NULL;
	if (json_parse(a, str_from(data, size), limits, &first) == ERR_OK) {
		struct sbuf buf = sbuf_in(a, size);
		struct json_out o = json_out_start(&buf);
		write_tree(&o, first);

		/* Control characters take six times their size when written, so that even a text
		 * that was read may not fit. */
		const struct json *second = NULL;
		if (!buf.overflow && json_parse(a, sbuf_str(&buf), limits, &second) == ERR_OK)
			must(same(first, second));
		else
			must(arena_overflowed(a));
	} else {
		must(first == NULL);
	}
	arena_free(a);
	return 0;
}
