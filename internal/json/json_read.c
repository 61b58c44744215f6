/* Text to tree, in two steps: json_text.c refuses what yajl would let pass, then yajl calls back
 * once for each value, key and bracket.
 *
 * Where the next value goes is one pointer, ctx.slot: the root at first, then the end of the
 * list of children of the innermost open container. A callback that refuses notes the error and
 * returns STOP, and yajl_parse gives up. */
#include "json/json_read.h"

#include <yajl/yajl_parse.h>

#include "json/json_text.h"
#include "json/yajl_memory.h"

enum { STOP, GO_ON };

/* A container whose end has not been read. */
struct open {
	struct open *outer;
	struct json *container;
	unsigned members; /* so far, of an object */
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
	struct json_refusal why;
};

static int refuse(struct reading *r, enum json_fault fault)
{
	r->err = fault == JSON_FAULT_REPEATED ? ERR_MALFORMED : ERR_TOO_LARGE;
	r->why.fault = fault;
	return STOP;
}

/* NULL: refused. */
static struct json *add(struct reading *r, enum json_type type)
{
	bool room = r->values < r->limits.max_values;
	struct json *v = room ? arena_alloc(r->arena, sizeof *v) : NULL;
	if (v == NULL) {
		refuse(r, room ? JSON_FAULT_MEMORY : JSON_FAULT_VALUES);
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
	return v->text.p == NULL ? refuse(r, JSON_FAULT_MEMORY) : GO_ON;
}

static int open_container(struct reading *r, enum json_type type)
{
	if (r->depth == r->limits.max_depth)
		return refuse(r, JSON_FAULT_DEPTH);
	struct json *container = add(r, type);
	if (container == NULL)
		return STOP;
	struct open *o = arena_alloc(r->arena, sizeof *o);
	if (o == NULL)
		return refuse(r, JSON_FAULT_MEMORY);

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

/* Keys arrive decoded, so that a key and its escaped spelling meet here. The search is linear:
 * max_values bounds it. */
static int on_key(void *ctx, const unsigned char *p, size_t n)
{
	struct reading *r = ctx;
	struct str key = str_from(p, n);
	if (r->limits.max_members != 0 && ++r->innermost->members > r->limits.max_members)
		return refuse(r, JSON_FAULT_VALUES);
	const struct json *first = member(r->innermost->container, key);
	if (first != NULL) {
		r->why.key = first->key;
		return refuse(r, JSON_FAULT_REPEATED);
	}
	r->key = arena_copy(r->arena, key);
	return r->key.p == NULL ? refuse(r, JSON_FAULT_MEMORY) : GO_ON;
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
	struct yajl_memory memory;
	yajl_alloc_funcs funcs = yajl_memory_funcs(&memory);
	if (setjmp(memory.out) != 0) {
		yajl_memory_clear(&memory);
		refuse(r, JSON_FAULT_MEMORY);
		return yajl_status_error;
	}
	yajl_handle yajl = yajl_alloc(&callbacks, &funcs, r);
	yajl_status status = yajl_parse(yajl, (const unsigned char *)text.p, text.n);
	if (status == yajl_status_ok)
		status = yajl_complete_parse(yajl);
	yajl_free(yajl);
	return status;
}

enum err json_parse_or_tell(struct arena *a, struct str text, struct json_limits limits, const struct json **ret,
			    struct json_refusal *ret_why)
{
	struct reading r = {.arena = a, .limits = limits, .why = {.fault = JSON_FAULT_TEXT}};
	r.slot = &r.root;
	if (!json_text_is_clean(text)) {
		r.err = ERR_MALFORMED;
	} else if ((run(&r, text) != yajl_status_ok || r.root == NULL) && r.err == ERR_OK) {
		r.err = ERR_MALFORMED;
		r.why.fault = JSON_FAULT_FORM;
	}
	if (r.err == ERR_OK)
		*ret = r.root;
	else if (ret_why != NULL)
		*ret_why = r.why;
	return r.err;
}

enum err json_parse(struct arena *a, struct str text, struct json_limits limits, const struct json **ret)
{
	return json_parse_or_tell(a, text, limits, ret, NULL);
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

/* A number's text in parts: its digits without the point, and how many of them stand before it. */
struct decimal {
	bool negative;
	struct str whole, fraction;
	int64_t point;
};

#define EXPONENT_MAX 1000000

/* An exponent beyond EXPONENT_MAX is as good as that: a text of that many digits is never read. */
static struct decimal decimal_of(struct str text)
{
	struct decimal d = {.negative = text.n > 0 && text.p[0] == '-'};
	int64_t exponent = 0;
	if (d.negative)
		text = str_from(text.p + 1, text.n - 1);
	size_t e = 0;
	while (e < text.n && text.p[e] != 'e' && text.p[e] != 'E')
		e++;
	struct str mantissa = str_from(text.p, e);
	if (e < text.n) {
		bool plus = e + 1 < text.n && text.p[e + 1] == '+';
		struct str written = str_from(text.p + e + 1 + plus, text.n - e - 1 - plus);
		if (str_to_i64(written, -EXPONENT_MAX, EXPONENT_MAX, &exponent) != ERR_OK)
			exponent = written.n > 0 && written.p[0] == '-' ? -EXPONENT_MAX : EXPONENT_MAX;
	}
	d.whole = str_split(&mantissa, '.');
	d.fraction = mantissa.p == NULL ? STR("") : mantissa;
	d.point = (int64_t)d.whole.n + exponent;
	return d;
}

static char digit_at(const struct decimal *d, size_t i)
{
	if (i < d->whole.n)
		return d->whole.p[i];
	return i - d->whole.n < d->fraction.n ? d->fraction.p[i - d->whole.n] : '0';
}

/* The digits before the point as a number below zero, since INT64_MIN has no positive
 * counterpart. */
static enum err whole_part(const struct decimal *d, int64_t *ret)
{
	size_t digits = d->whole.n + d->fraction.n;
	int64_t sum = 0;
	for (int64_t i = 0; i < d->point; i++) {
		if ((size_t)i >= digits && sum == 0)
			break; /* zero, whatever the exponent */
		if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_sub_overflow(sum, digit_at(d, (size_t)i) - '0', &sum))
			return ERR_TOO_LARGE;
	}
	*ret = sum;
	return ERR_OK;
}

static bool has_rest(const struct decimal *d)
{
	for (size_t i = d->point > 0 ? (size_t)d->point : 0; i < d->whole.n + d->fraction.n; i++)
		if (digit_at(d, i) != '0')
			return true;
	return false;
}

enum err json_rounded(const struct json *v, enum json_rounding to, int64_t min, int64_t max, int64_t *ret)
{
	int64_t value = 0;
	if (v == NULL)
		return ERR_NOT_PRESENT;
	if (v->type != JSON_NUMBER)
		return ERR_MALFORMED;
	struct decimal d = decimal_of(v->text);
	enum err err = whole_part(&d, &value);
	if (err == ERR_OK && !d.negative && __builtin_sub_overflow(0, value, &value))
		err = ERR_TOO_LARGE;
	int64_t away = d.negative ? -1 : 1;
	if (err == ERR_OK && (to == JSON_UP) == (away > 0) && has_rest(&d) && __builtin_add_overflow(value, away, &value))
		err = ERR_TOO_LARGE;
	if (err == ERR_OK && (value < min || value > max))
		err = ERR_TOO_LARGE;
	if (err == ERR_OK)
		*ret = value;
	return err;
}

enum err json_whole(const struct json *v, int64_t min, int64_t max, int64_t *ret)
{
	int64_t down = 0, up = 0;
	enum err err = json_rounded(v, JSON_DOWN, min, max, &down);
	if (err == ERR_OK)
		err = json_rounded(v, JSON_UP, min, max, &up);
	if (err != ERR_OK)
		return err;
	if (down != up)
		return ERR_MALFORMED;
	*ret = down;
	return ERR_OK;
}
