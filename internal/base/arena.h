/* One bounded memory region per request or per task: allocations are never freed one by one.
 *
 * Overflow is sticky: once an allocation did not fit, arena_alloc answers NULL from then on, and
 * arena_overflowed tells, so a caller may build a whole structure and check once. The first
 * block is taken with the arena; further blocks are taken as needed up to `cap` bytes in all.
 * With -DM2M_ARENA_SEPARATE (sanitizer builds) every allocation is a malloc of its own, so that
 * overruns are seen. */
#ifndef M2M_BASE_ARENA_H
#define M2M_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct arena;

/* A region that holds at most `cap` bytes. NULL when memory is out. Free with arena_free. */
MUST_CHECK struct arena *arena_new(size_t cap);

/* The same, beginning with a block of `first` bytes: enough for what is mostly needed. */
MUST_CHECK struct arena *arena_new_sized(size_t first, size_t cap);

/* Wipes (so that the compiler can't drop it) everything ever handed out if arena_wipe_on_free
 * was called, then frees all. NULL is allowed. */
void arena_free(struct arena *a);

/* Drops every allocation but keeps the first block for reuse; wipes first as arena_free does;
 * clears the overflow and the wipe mark. */
void arena_reset(struct arena *a);

void arena_wipe_on_free(struct arena *a);

/* `n` bytes aligned for any type, zeroed. NULL on overflow. n == 0 gives a unique non-NULL
 * pointer. */
void *arena_alloc(struct arena *a, size_t n);

/* The same, not zeroed. */
void *arena_room(struct arena *a, size_t n);

/* A NUL-terminated copy (the NUL is not counted). Absent on overflow or if `s` is absent. */
struct str arena_copy(struct arena *a, struct str s);

/* NUL-terminated formatted text. Absent on overflow. */
struct str arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool arena_overflowed(const struct arena *a);
size_t arena_used(const struct arena *a);

#endif
