/* What a test says about the last answer, which stands in its own `r`. */
#ifndef M2M_TESTS_HARNESS_EXPECT_H
#define M2M_TESTS_HARNESS_EXPECT_H

#include <criterion/criterion.h>

#include "harness/http.h"

#define expect_status(call, want)                                                                                                          \
	do {                                                                                                                               \
		int got_ = (call);                                                                                                         \
		cr_assert_eq(got_, want, "%s answered %d, not %d: %s%s", #call, got_, want, r.head, r.body);                               \
	} while (0)

#endif
