/* What bounds a client that keeps the gateway busy: budgets that time refills, and a memory of
 * the streams that something happened to last. Pure. */
#ifndef M2M_GRPC_GRPC_BUDGET_H
#define M2M_GRPC_GRPC_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* A token bucket: what it holds at most, and what it gains in a second. */
struct grpc_rates {
	double max, per_second;
};

struct grpc_budget {
	double left;
	int64_t at_us;
};

/* What is left afterwards; negative: it was more than there was. */
double grpc_budget_spend(struct grpc_budget *b, const struct grpc_rates *rates, double cost, int64_t now_us);
/* It may come to hold `more` than time would give it. */
void grpc_budget_credit(struct grpc_budget *b, const struct grpc_rates *rates, double gain, double more);

#define GRPC_STREAMS_KNOWN 32

struct grpc_streams {
	int32_t ids[GRPC_STREAMS_KNOWN];
	unsigned next;
};

bool grpc_streams_has(const struct grpc_streams *s, int32_t id);
void grpc_streams_put(struct grpc_streams *s, int32_t id);

#endif
