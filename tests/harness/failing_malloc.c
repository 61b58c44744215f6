/* LD_PRELOADed into the daemon by scarcity.c, whose header tells what for. Behind it stands the
 * sanitizer's allocator where there is one, else the C library's. */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/scarcity.h"

#define THREAD_BEGINS 8

#define EXPORTED __attribute__((visibility("default")))

extern void *__interceptor_malloc(size_t n) __attribute__((weak));
extern void *__interceptor_calloc(size_t n, size_t size) __attribute__((weak));
extern void *__interceptor_realloc(void *p, size_t n) __attribute__((weak));
extern void *__interceptor_memalign(size_t alignment, size_t n) __attribute__((weak));
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t alignment, size_t n);

EXPORTED void *malloc(size_t n);
EXPORTED void *calloc(size_t n, size_t size);
EXPORTED void *realloc(void *p, size_t n);
EXPORTED void *reallocarray(void *p, size_t n, size_t size);
EXPORTED void *memalign(size_t alignment, size_t n);
EXPORTED void *aligned_alloc(size_t alignment, size_t n);
EXPORTED int posix_memalign(void **ret, size_t alignment, size_t n);

static struct scarcity_control *control; /* NULL until the program begins */

/* SCARCITY_TRACE is set: who looks for a fault reads on stderr where each failure stands */
static bool traces;

static void trace(void)
{
	static _Thread_local bool tracing;
	void *frames[24];
	if (tracing)
		return;
	tracing = true;
	backtrace_symbols_fd(frames, backtrace(frames, sizeof frames / sizeof *frames), STDERR_FILENO);
	dprintf(STDERR_FILENO, "--\n");
	tracing = false;
}

__attribute__((constructor)) static void find_control(void)
{
	void *frame;
	/* its first call allocates */
	traces = getenv("SCARCITY_TRACE") != NULL && backtrace(&frame, 1) >= 0;
	const char *path = getenv("SCARCITY");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		control = map;
}

/* splitmix64 */
static unsigned long long draw(struct scarcity_control *c)
{
	unsigned long long z = atomic_fetch_add(&c->random, 0x9e3779b97f4a7c15ULL) + 0x9e3779b97f4a7c15ULL;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* The sanitizer's own at a thread's beginning, which it doesn't survive. */
static bool is_sanitizers(void)
{
	static _Thread_local unsigned calls;
	return __interceptor_malloc != NULL && calls < THREAD_BEGINS && ++calls < THREAD_BEGINS;
}

static bool fails(void)
{
	struct scarcity_control *c = control;
	if (c == NULL || is_sanitizers() || !atomic_load(&c->armed))
		return false;
	unsigned one_in = atomic_load(&c->one_in);
	if (one_in > 0 ? draw(c) % one_in != 0 : atomic_fetch_sub(&c->before, 1) > 0 || atomic_fetch_sub(&c->failing, 1) <= 0)
		return false;
	atomic_fetch_add(&c->failed, 1);
	if (traces)
		trace();
	errno = ENOMEM;
	return true;
}

void *malloc(size_t n)
{
	if (fails())
		return NULL;
	return __interceptor_malloc != NULL ? __interceptor_malloc(n) : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	if (fails())
		return NULL;
	return __interceptor_calloc != NULL ? __interceptor_calloc(n, size) : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	if (fails())
		return NULL;
	return __interceptor_realloc != NULL ? __interceptor_realloc(p, n) : __libc_realloc(p, n);
}

void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes = 0;
	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(p, bytes);
}

void *memalign(size_t alignment, size_t n)
{
	if (fails())
		return NULL;
	return __interceptor_memalign != NULL ? __interceptor_memalign(alignment, n) : __libc_memalign(alignment, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
	return memalign(alignment, n);
}

int posix_memalign(void **ret, size_t alignment, size_t n)
{
	void *p = memalign(alignment, n);
	if (p == NULL)
		return ENOMEM;
	*ret = p;
	return 0;
}
