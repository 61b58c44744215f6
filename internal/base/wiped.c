#include "base/wiped.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void *wiped_malloc(size_t n)
{
	return malloc(n);
}

void *wiped_calloc(size_t n, size_t size)
{
	return calloc(n, size);
}

/* Not realloc(3): it would leave the old bytes behind. */
void *wiped_realloc(void *p, size_t n)
{
	if (p == NULL)
		return malloc(n);
	size_t old = malloc_usable_size(p);
	void *moved = malloc(n);
	if (moved == NULL)
		return NULL;
	memcpy(moved, p, old < n ? old : n);
	wiped_free(p);
	return moved;
}

void wiped_free(void *p)
{
	if (p != NULL)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}
