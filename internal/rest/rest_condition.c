#include "rest/rest_condition.h"

#include <string.h>

#define TAGS_MAX 32

/* entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE (RFC 9110 section 8.8.3), off the front of *list. */
static bool take_tag(struct str *list, struct str *ret, bool *ret_weak)
{
	struct str s = *list;
	*ret_weak = str_starts(s, STR("W/"));
	if (*ret_weak)
		s = str_from(s.p + 2, s.n - 2);
	const char *end = s.n < 2 || s.p[0] != '"' ? NULL : memchr(s.p + 1, '"', s.n - 1);
	if (end == NULL)
		return false;
	*ret = str_from(s.p, (size_t)(end + 1 - s.p));
	*list = str_trim(str_from(end + 1, s.n - ret->n));
	return list->n == 0 || list->p[0] == ',';
}

/* A weak one matches nothing (section 8.8.3.2); ours are of visible ASCII. */
static bool may_match(struct str tag, bool weak)
{
	for (size_t i = 0; i < tag.n; i++)
		if (tag.p[i] <= 0x20 || tag.p[i] >= 0x7f)
			return false;
	return !weak;
}

static bool take_tags(struct op *op, struct str list, struct words *ret)
{
	struct str *tags = arena_alloc(op->arena, TAGS_MAX * sizeof *tags);
	struct str tag;
	bool weak = false;
	size_t all = 0;
	size_t n = 0;
	while (list.n > 0) {
		if (list.p[0] == ',') {
			list = str_trim(str_from(list.p + 1, list.n - 1));
			continue;
		}
		if (tags == NULL || !take_tag(&list, &tag, &weak) || all++ == TAGS_MAX)
			return false;
		if (may_match(tag, weak))
			tags[n++] = arena_copy(op->arena, tag);
	}
	*ret = (struct words){tags, n};
	return all > 0;
}

void rest_take_if_none_match(const struct rest_message *m, struct op *op)
{
	op->in.if_none_match = arena_copy(op->arena, m->headers[REST_IF_NONE_MATCH].value);
}

static bool takes_if_match(const struct op_spec *spec)
{
	switch (spec->id) {
	case OP_UPDATE_ORGANIZATION:
	case OP_UPDATE_CLIENT:
	case OP_DELETE_ORGANIZATION:
	case OP_DELETE_CLIENT:
		return true;
	default:
		return false;
	}
}

void rest_take_if_match(const struct rest_message *m, struct op *op)
{
	struct str if_match = m->headers[REST_IF_MATCH].value;
	unsigned given = m->headers[REST_IF_MATCH].count;
	if (str_eq(str_of(op->spec->method), STR("GET")))
		return;
	if (m->headers[REST_IF_NONE_MATCH].count > 0) {
		op_fail(op, ERR_INVALID_REQUEST, "The operation takes no If-None-Match.");
		return;
	}
	if (given == 0)
		return;
	if (!takes_if_match(op->spec)) {
		op_fail(op, ERR_INVALID_REQUEST, "The operation takes no If-Match.");
		return;
	}
	if (given == 1 && str_eq(if_match, STR("*")))
		return;
	if (given > 1 || !take_tags(op, if_match, &op->in.if_match))
		op_fail(op, ERR_INVALID_REQUEST, "If-Match must be one header, with * or up to 32 entity-tags (RFC 9110 section 8.8.3).");
}
