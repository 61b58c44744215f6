#include "grpc/h2_memory.h"

#include "base/wiped.h"

static void *take(size_t n, void *none)
{
	(void)none;
	return wiped_malloc(n);
}

static void *take_zeroed(size_t n, size_t size, void *none)
{
	(void)none;
	return wiped_calloc(n, size);
}

static void *move(void *p, size_t n, void *none)
{
	(void)none;
	return wiped_realloc(p, n);
}

static void let_go(void *p, void *none)
{
	(void)none;
	wiped_free(p);
}

nghttp2_mem h2_memory = {.malloc = take, .free = let_go, .calloc = take_zeroed, .realloc = move};
