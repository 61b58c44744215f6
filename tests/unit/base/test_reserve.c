#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include "base/reserve.h"

/* More than any system gives; the reserve has less as well. */
#define TOO_MUCH (SIZE_MAX / 2)

#ifdef __SANITIZE_ADDRESS__
__attribute__((visibility("default"))) const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}
#endif

Test(reserve, while_the_system_has_memory_nothing_is_taken)
{
	char *p = reserve_malloc(100);
	p = reserve_realloc(p, 1000);
	cr_assert_not_null(p);
	cr_assert_eq(reserve_used(), 0);
	cr_assert_not(reserve_is_low());
	reserve_free(p);
}

Test(reserve, what_is_larger_than_the_reserve_is_refused)
{
	cr_assert_null(reserve_malloc(TOO_MUCH));
	cr_assert_null(reserve_calloc(SIZE_MAX, 2));
	char *kept = reserve_malloc(4);
	memcpy(kept, "abc", 4);
	cr_assert_null(reserve_realloc(kept, TOO_MUCH));
	cr_assert_str_eq(kept, "abc");
	reserve_free(kept);
	cr_assert_eq(reserve_used(), 0);
}
