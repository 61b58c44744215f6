/* Text to tree, in two steps: json_text.c refuses what yajl would let pass, then yajl calls back once for each value, key and bracket.
 *
 * Where the next value goes is one pointer, ctx.slot: the root at first, then the end of the list of children of the
 * innermost open container. A callback that refuses notes the error and returns STOP, and yajl_parse gives up. */
#include "json/json_read.h"

#include <yajl/yajl_parse.h>

#include "json/json_text.h"
#include "json/yajl_memory.h"

enum { STOP, GO_ON };

/* A container whose end has not been read. */
struct open {
	struct open *outer;
	struct json *container;
};

struct reading {
	struct arena *arena;
	struct json_limits limits;
	enum err err;
	unsigned depth, values;
	struct open *innermost;
	struct json *root;
	struct json **slot;
	struct str key; /* of the member whose value comes next */
};

static int refuse(struct reading *r, enum err err)
{
	r->err = err;
	return STOP;
}

/* NULL: refused. */
static struct json *add(struct reading *r, enum json_type type)
{
	struct json *v = r->values < r->limits.max_values ? arena_alloc(r->arena, sizeof *v) : NULL;
	if (v == NULL) {
		refuse(r, ERR_TOO_LARGE);
		return NULL;
	}

	*v = (struct json){.type = type, .key = r->key};
	r->key = STR_NONE;
	r->values++;
	*r->slot = v;
	r->slot = &v->next;
	return v;
}

static int add_text(struct reading *r, enum json_type type, struct str text)
{
	struct json *v = add(r, type);
	if (v == NULL)
		return STOP;
	v->text = arena_copy(r->arena, text);
	return v->text.p == NULL ? refuse(r, ERR_TOO_LARGE) : GO_ON;
}

static int open_container(struct reading *r, enum json_type type)
{
	if (r->depth == r->limits.max_depth)
		return refuse(r, ERR_TOO_LARGE);
	struct json *container = add(r, type);
	struct open *o = container == NULL ? NULL : arena_alloc(r->arena, sizeof *o);
	if (o == NULL)
		return refuse(r, ERR_TOO_LARGE);

	*o = (struct open){.outer = r->innermost, .container = container};
	r->innermost = o;
	r->slot = &container->child;
	r->depth++;
	return GO_ON;
}

static int close_container(struct reading *r)
{
	r->slot = &r->innermost->container->next;
	r->innermost = r->innermost->outer;
	r->depth--;
	return GO_ON;
}

static const struct json *member(const struct json *object, struct str key)
{
	const struct json *v = object->child;
	while (v != NULL && !str_eq(v->key, key))
		v = v->next;
	return v;
}

/* Keys arrive decoded, so that a key and its escaped spelling meet here. The search is linear: max_values bounds it. */
static int on_key(void *ctx, const unsigned char *p, size_t n)
{
	struct reading *r = ctx;
	struct str key = str_from(p, n);
	if (member(r->innermost->container, key) != NULL)
		return refuse(r, ERR_MALFORMED);
	r->key = arena_copy(r->arena, key);
	return r->key.p == NULL ? refuse(r, ERR_TOO_LARGE) : GO_ON;
}

static int on_null(void *ctx)
{
	return add(ctx, JSON_NULL) == NULL ? STOP : GO_ON;
}

static int on_boolean(void *ctx, int is_true)
{
	return add(ctx, is_true ? JSON_TRUE : JSON_FALSE) == NULL ? STOP : GO_ON;
}

static int on_number(void *ctx, const char *p, size_t n)
{
	return add_text(ctx, JSON_NUMBER, str_from(p, n));
}

static int on_string(void *ctx, const unsigned char *p, size_t n)
{
	return add_text(ctx, JSON_STRING, str_from(p, n));
}

static int on_start_map(void *ctx)
{
	return open_container(ctx, JSON_OBJECT);
}

static int on_start_array(void *ctx)
{
	return open_container(ctx, JSON_ARRAY);
}

static int on_end(void *ctx)
{
	return close_container(ctx);
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_map_key = on_key,
	.yajl_start_map = on_start_map,
	.yajl_end_map = on_end,
	.yajl_start_array = on_start_array,
	.yajl_end_array = on_end,
};

/* yajl's options stay as they are at first: no comments, no second value, no trailing bytes. */
static yajl_status run(struct reading *r, struct str text)
{
	yajl_handle yajl = yajl_alloc(&callbacks, &yajl_memory, r);
	yajl_status status = yajl_parse(yajl, (const unsigned char *)text.p, text.n);
	if (status == yajl_status_ok)
		status = yajl_complete_parse(yajl);
	yajl_free(yajl);
	return status;
}

enum err json_parse(struct arena *a, struct str text, struct json_limits limits, const struct json **ret)
{
	if (!json_text_is_clean(text))
		return ERR_MALFORMED;

	struct reading r = {.arena = a, .limits = limits};
	r.slot = &r.root;
	yajl_status status = run(&r, text);
	if (r.err != ERR_OK)
		return r.err;
	if (status != yajl_status_ok || r.root == NULL)
		return ERR_MALFORMED;

	*ret = r.root;
	return ERR_OK;
}

const struct json *json_get(const struct json *object, const char *key)
{
	return object == NULL || object->type != JSON_OBJECT ? NULL : member(object, str_of(key));
}

enum err json_string(const struct json *v, struct str *ret)
{
	if (v == NULL)
		return ERR_NOT_PRESENT;
	if (v->type != JSON_STRING)
		return ERR_MALFORMED;
	*ret = v->text;
	return ERR_OK;
}

enum err json_integer(const struct json *v, int64_t min, int64_t max, int64_t *ret)
{
	if (v == NULL)
		return ERR_NOT_PRESENT;
	if (v->type != JSON_NUMBER)
		return ERR_MALFORMED;
	return str_to_i64(v->text, min, max, ret);
}

enum err json_whole(const struct json *v, int64_t min, int64_t max, int64_t *ret)
{
	if (v == NULL || v->type != JSON_NUMBER)
		return json_integer(v, min, max, ret);
	struct str fraction = v->text;
	struct str whole = str_split(&fraction, '.');
	for (size_t i = 0; i < fraction.n; i++)
		if (fraction.p[i] != '0')
			return ERR_MALFORMED;
	return str_to_i64(whole, min, max, ret);
}
