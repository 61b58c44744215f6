#include "store/act_bound.h"

#include <string.h>

#include "base/visible.h"
#include "sql/bearer.h"

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ ((const unsigned char *)p)[i]) * 1099511628211ULL;
	return (h ^ n) * 1099511628211ULL;
}

/* FNV-1a with a per-process key; actors are ours or the platform's, and few. */
static uint64_t kind_of(const struct act_bound *b, const struct origin *o, struct str named)
{
	uint64_t h = 14695981039346656037ULL ^ (uintptr_t)b;
	h = mix(h, o->actor.p, o->actor.n);
	h = mix(h, o->act->organization_id, sizeof *o->act->organization_id);
	h = mix(h, named.p, named.n);
	if (o->act->below == NULL) {
		h = mix(h, o->act->action, strlen(o->act->action));
	} else {
		/* a secret that has ended takes no rows from the one in its place */
		const struct str *tag = &o->act->below->secret_tag;
		h = mix(h, tag->p, tag->n);
	}
	h ^= h >> 32;
	return h == 0 ? 1 : h;
}

bool act_bound_takes(struct act_bound *b, const struct origin *o, struct str named, int64_t now_us)
{
	int64_t minute = now_us / 60000000;
	uint64_t kind = kind_of(b, o, named);
	if (minute != b->minute)
		*b = (struct act_bound){.minute = minute};
	for (uint64_t i = kind, n = 0; n < ACT_BOUND_KINDS; i++, n++) {
		unsigned at = (unsigned)(i % ACT_BOUND_KINDS);
		if (b->kinds[at].kind != 0 && b->kinds[at].kind != kind)
			continue;
		b->kinds[at].kind = kind;
		if (b->kinds[at].rows == ACT_BOUND_ROWS)
			return false;
		b->kinds[at].rows++;
		return true;
	}
	return false;
}

struct str act_bound_cut(struct str s)
{
	size_t n = s.n < ACT_BOUND_TEXT ? s.n : ACT_BOUND_TEXT;
	while (n > 0 && !text_is_visible(str_from(s.p, n), ""))
		n--;
	return s.p == NULL ? s : str_from(s.p, n);
}
