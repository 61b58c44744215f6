/* What tests say: about the last answer, which stands in a test's own `r`, and about a history. */
#ifndef M2M_TESTS_HARNESS_EXPECT_H
#define M2M_TESTS_HARNESS_EXPECT_H

#include <criterion/criterion.h>

#include "harness/http.h"

#define expect_status(call, want)                                                                                                          \
	do {                                                                                                                               \
		int got_ = (call);                                                                                                         \
		cr_assert_eq(got_, want, "%s answered %d, not %d: %s%s", #call, got_, want, r.head, r.body);                               \
	} while (0)

/* Holds a history to at least that many of what it must have to show anything. tests/mutate makes a
 * longer one where these words are all that a test fails with. */
#define expect_enough(n, least)                                                                                                            \
	do {                                                                                                                               \
		long long n_ = (long long)(n), least_ = (long long)(least);                                                                \
		cr_assert_geq(n_, least_, "too little happened: %s is %lld, and %lld are wanted", #n, n_, least_);                         \
	} while (0)

#endif
