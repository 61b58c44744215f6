/* malloc with the length written in front, so that freeing and moving know how much there is to
 * wipe; in a list, so that all of it can be freed when yajl can't go on. */
#include "json/yajl_memory.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/starved.h"

struct piece {
	struct list node;
	size_t size;
	alignas(max_align_t) unsigned char bytes[];
};

static struct piece *piece_of(void *bytes)
{
	return (struct piece *)(void *)((unsigned char *)bytes - offsetof(struct piece, bytes));
}

static void *take(void *ctx, size_t size)
{
	struct yajl_memory *m = ctx;
	struct piece *piece = starved_unless(malloc(sizeof *piece + size));
	if (piece == NULL)
		longjmp(m->out, 1);
	piece->size = size;
	list_append(&m->pieces, &piece->node);
	return piece->bytes;
}

static void wipe_and_free(struct piece *piece)
{
	list_remove(&piece->node);
	explicit_bzero(piece->bytes, piece->size);
	free(piece);
}

static void give_back(void *ctx, void *bytes)
{
	(void)ctx;
	if (bytes != NULL)
		wipe_and_free(piece_of(bytes));
}

/* Not realloc(3): it would leave the old bytes behind unwiped. */
static void *move(void *ctx, void *bytes, size_t size)
{
	void *moved = take(ctx, size);
	if (bytes == NULL)
		return moved;
	size_t old = piece_of(bytes)->size;
	memcpy(moved, bytes, old < size ? old : size);
	give_back(ctx, bytes);
	return moved;
}

yajl_alloc_funcs yajl_memory_funcs(struct yajl_memory *m)
{
	list_init(&m->pieces);
	return (yajl_alloc_funcs){.malloc = take, .realloc = move, .free = give_back, .ctx = m};
}

void yajl_memory_clear(struct yajl_memory *m)
{
	for (struct list *it = m->pieces.next, *next; it != &m->pieces; it = next) {
		next = it->next;
		wipe_and_free(LIST_OWNER(it, struct piece, node));
	}
}
