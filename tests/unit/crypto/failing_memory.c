#include "failing_memory.h"

#include <stddef.h>

static bool armed, failed;
static unsigned left;

void memory_fail_after(unsigned before)
{
	armed = true;
	failed = false;
	left = before;
}

bool memory_end(void)
{
	armed = false;
	return failed;
}

static bool fails(void)
{
	if (!armed || failed || left-- > 0)
		return false;
	failed = true;
	return true;
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}
