/* Token buckets, and the streams that something happened to last. */
#include <criterion/criterion.h>

#include "grpc/grpc_budget.h"

static const struct grpc_rates rates = {100, 10};

static void leaves(struct grpc_budget *b, double cost, int64_t now_us, double want)
{
	double left = grpc_budget_spend(b, &rates, cost, now_us);
	cr_expect_float_eq(left, want, 1e-9, "%g, not %g", left, want);
}

Test(grpc_budget, time_refills_it_to_its_most)
{
	struct grpc_budget b = {100, 0};
	leaves(&b, 60, 0, 40);
	leaves(&b, 0, 1000000, 50);
	leaves(&b, 0, 100000000, 100);
	leaves(&b, 101, 100000000, -1);
}

/* What was earned beyond its most isn't taken away by time. */
Test(grpc_budget, a_credit_may_exceed_its_most_by_so_much)
{
	struct grpc_budget b = {100, 0};
	for (int i = 0; i < 10; i++)
		grpc_budget_credit(&b, &rates, 20, 50);
	leaves(&b, 0, 1000000, 160);
}

Test(grpc_budget, the_last_streams_are_known)
{
	struct grpc_streams s = {.next = 0};
	for (int32_t id = 1; id <= GRPC_STREAMS_KNOWN + 1; id++)
		grpc_streams_put(&s, id);
	cr_expect_not(grpc_streams_has(&s, 1));
	cr_expect(grpc_streams_has(&s, 2));
	cr_expect(grpc_streams_has(&s, GRPC_STREAMS_KNOWN + 1));
}
