/* A chain of blocks, filled from the front. Memory counts against the cap by what was handed
 * out, each piece rounded up to the alignment; so the cap means the same whether pieces share
 * blocks or, under the sanitizers, stand alone. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/starved.h"

#ifdef M2M_ARENA_SEPARATE
enum { SEPARATE = 1 };
#else
enum { SEPARATE = 0 };
#endif

enum { FIRST_BLOCK = 4096, ALIGNMENT = alignof(max_align_t) };

struct block {
	struct block *next;
	size_t size, used; /* of bytes[] */
	alignas(ALIGNMENT) unsigned char bytes[];
};

struct arena {
	struct block *first, *last;
	size_t cap, used;
	bool overflow, wipe;
};

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t max_size(size_t a, size_t b)
{
	return a > b ? a : b;
}

static struct block *block_add(struct arena *a, size_t size)
{
	struct block *b = starved_unless(malloc(sizeof *b + size));
	if (b == NULL)
		return NULL;

	*b = (struct block){.size = size};
	if (a->first == NULL)
		a->first = b;
	else
		a->last->next = b;
	a->last = b;
	return b;
}

static void blocks_wipe(struct block *b)
{
	for (; b != NULL; b = b->next)
		explicit_bzero(b->bytes, b->used);
}

static void blocks_free(struct block *b)
{
	while (b != NULL) {
		struct block *next = b->next;
		free(b);
		b = next;
	}
}

struct arena *arena_new(size_t cap)
{
	return arena_new_sized(FIRST_BLOCK, cap);
}

struct arena *arena_new_sized(size_t first, size_t cap)
{
	struct arena *a = starved_unless(calloc(1, sizeof *a));
	if (a == NULL)
		return NULL;

	a->cap = cap;
	if (!SEPARATE && block_add(a, min_size(cap, first)) == NULL) {
		free(a);
		return NULL;
	}
	return a;
}

void arena_free(struct arena *a)
{
	if (a == NULL)
		return;
	if (a->wipe)
		blocks_wipe(a->first);
	blocks_free(a->first);
	free(a);
}

void arena_reset(struct arena *a)
{
	if (a->wipe)
		blocks_wipe(a->first);

	struct block *keep = SEPARATE ? NULL : a->first;
	blocks_free(keep == NULL ? a->first : keep->next);
	if (keep != NULL) {
		keep->next = NULL;
		keep->used = 0;
	}
	*a = (struct arena){.first = keep, .last = keep, .cap = a->cap};
}

void arena_wipe_on_free(struct arena *a)
{
	a->wipe = true;
}

/* Blocks double, so that a large structure takes few of them, but never beyond what the cap
 * still allows. */
static size_t next_block_size(const struct arena *a, size_t need)
{
	size_t doubled = a->last->size * 2;
	return max_size(need, min_size(doubled, a->cap - a->used));
}

/* Space for `taken` bytes, of which the caller will use `n`: alone, a piece is exactly as long
 * as was asked for. */
static void *take(struct arena *a, size_t n, size_t taken)
{
	size_t length = SEPARATE ? n : taken;
	struct block *b = NULL;
	if (SEPARATE)
		b = block_add(a, length);
	else if (a->last->size - a->last->used >= length)
		b = a->last;
	else
		b = block_add(a, next_block_size(a, length));
	if (b == NULL)
		return NULL;

	void *p = b->bytes + b->used;
	b->used += length;
	return p;
}

void *arena_room(struct arena *a, size_t n)
{
	size_t left = a->cap - a->used;
	/* An empty piece still takes a place: its address must be its own. Comparing first keeps
	 * the rounding from wrapping. */
	size_t taken = n > left ? n : max_size(n + (ALIGNMENT - 1), ALIGNMENT) / ALIGNMENT * ALIGNMENT;
	void *p = a->overflow || taken > left ? NULL : take(a, n, taken);
	if (p == NULL) {
		a->overflow = true;
		return NULL;
	}

	a->used += taken;
	return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
	void *p = arena_room(a, n);
	return p == NULL ? NULL : memset(p, 0, n);
}

struct str arena_copy(struct arena *a, struct str s)
{
	if (s.p == NULL)
		return STR_NONE;
	char *copy = arena_room(a, s.n + 1);
	if (copy == NULL)
		return STR_NONE;
	memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return str_from(copy, s.n);
}

struct str arena_printf(struct arena *a, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);

	char *text = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
	if (text == NULL) {
		a->overflow = true;
		return STR_NONE;
	}

	va_start(args, format);
	vsnprintf(text, (size_t)n + 1, format, args);
	va_end(args);
	return str_from(text, (size_t)n);
}

bool arena_overflowed(const struct arena *a)
{
	return a->overflow;
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}
