/* What a test says about a run of m2mctl, with its world `w` and its own result `r`. */
#ifndef M2M_TESTS_HARNESS_EXPECT_CTL_H
#define M2M_TESTS_HARNESS_EXPECT_CTL_H

#include <criterion/criterion.h>
#include <string.h>

#include "harness/world.h"

static inline bool says(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

#define expect_exit(want, ...)                                                                                                             \
	do {                                                                                                                               \
		int got_ = ctl(&w.ctl_env, &r, __VA_ARGS__);                                                                               \
		cr_assert_eq(got_, want, "%s ended with %d, not %d: %s%s", #__VA_ARGS__, got_, want, r.out, r.err);                        \
	} while (0)

/* A refusal: the exit code, a sentence that holds `part`, and nothing on standard output. */
#define expect_refusal(want, part, ...)                                                                                                    \
	do {                                                                                                                               \
		expect_exit(want, __VA_ARGS__);                                                                                            \
		cr_expect(says(r.err, part), "%s: %s", #__VA_ARGS__, r.err);                                                               \
		cr_expect_str_eq(r.out, "");                                                                                               \
	} while (0)

#endif
