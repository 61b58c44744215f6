#include "base/histogram.h"

#include <criterion/criterion.h>

Test(histogram, a_value_is_counted_in_the_first_bucket_that_takes_it)
{
	static struct histogram h;
	struct histogram_sum sum = {{0}, 0, 0};
	const uint64_t values[] = {0, 1, 2, 3, 1024, 1025};
	for (unsigned i = 0; i < sizeof values / sizeof *values; i++)
		histogram_note(&h, &histogram_sizes, values[i]);
	histogram_add(&sum, &h);
	cr_assert_eq(sum.counts[0], 2);
	cr_assert_eq(sum.counts[1], 1);
	cr_assert_eq(sum.counts[2], 1);
	cr_assert_eq(sum.counts[10], 1);
	cr_assert_eq(sum.counts[11], 1, "what is larger than all");
	cr_assert_eq(sum.total, 6);
	cr_assert_eq(sum.sum, 2055);
}

Test(histogram, scales_grow)
{
	const struct histogram_scale *const scales[] = {&histogram_microseconds, &histogram_sizes};
	for (unsigned s = 0; s < 2; s++) {
		cr_assert_leq(scales[s]->n, HISTOGRAM_BOUNDS_MAX);
		for (unsigned i = 1; i < scales[s]->n; i++)
			cr_assert_gt(scales[s]->bounds[i], scales[s]->bounds[i - 1]);
	}
}

Test(histogram, several_are_added_up)
{
	static struct histogram a, b;
	struct histogram_sum sum = {{0}, 0, 0};
	histogram_note(&a, &histogram_microseconds, 400);
	histogram_note(&b, &histogram_microseconds, 300);
	histogram_note(&b, &histogram_microseconds, 20000000);
	histogram_add(&sum, &a);
	histogram_add(&sum, &b);
	cr_assert_eq(sum.counts[0], 2);
	cr_assert_eq(sum.counts[histogram_microseconds.n], 1);
	cr_assert_eq(sum.total, 3);
}
