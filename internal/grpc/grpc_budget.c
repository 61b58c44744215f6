/* Token buckets, and a ring of stream identifiers. */
#include "grpc/grpc_budget.h"

#include <stddef.h>

double grpc_budget_spend(struct grpc_budget *b, const struct grpc_rates *rates, double cost, int64_t now_us)
{
	double refill = (double)(now_us - b->at_us) * rates->per_second / 1e6;
	b->at_us = now_us;
	if (b->left < rates->max)
		b->left = b->left + refill < rates->max ? b->left + refill : rates->max;
	b->left -= cost;
	return b->left;
}

void grpc_budget_credit(struct grpc_budget *b, const struct grpc_rates *rates, double gain, double more)
{
	if (b->left < rates->max + more)
		b->left += gain;
}

bool grpc_streams_has(const struct grpc_streams *s, int32_t id)
{
	for (size_t i = 0; i < GRPC_STREAMS_KNOWN; i++)
		if (s->ids[i] == id)
			return true;
	return false;
}

void grpc_streams_put(struct grpc_streams *s, int32_t id)
{
	s->ids[s->next++ % GRPC_STREAMS_KNOWN] = id;
}
