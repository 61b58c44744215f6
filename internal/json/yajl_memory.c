/* malloc with the length written in front, so that freeing and moving know how much there is to wipe. */
#include "json/yajl_memory.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct piece {
	size_t size;
	alignas(max_align_t) unsigned char bytes[];
};

static struct piece *piece_of(void *bytes)
{
	return (struct piece *)(void *)((unsigned char *)bytes - offsetof(struct piece, bytes));
}

static void *take(void *ctx, size_t size)
{
	(void)ctx;
	struct piece *piece = malloc(sizeof *piece + size);
	if (piece == NULL)
		abort();
	piece->size = size;
	return piece->bytes;
}

static void give_back(void *ctx, void *bytes)
{
	(void)ctx;
	if (bytes == NULL)
		return;
	struct piece *piece = piece_of(bytes);
	explicit_bzero(piece->bytes, piece->size);
	free(piece);
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

yajl_alloc_funcs yajl_memory = {.malloc = take, .realloc = move, .free = give_back};
