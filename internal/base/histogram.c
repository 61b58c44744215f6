#include "base/histogram.h"

const struct histogram_scale histogram_microseconds = {
	14, {500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000}};
const struct histogram_scale histogram_sizes = {11, {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}};

/* Only the owner writes, so a load and a store do, without the price of an atomic addition. */
static void add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

void histogram_note(struct histogram *h, const struct histogram_scale *scale, uint64_t value)
{
	unsigned i = 0;
	while (i < scale->n && value > scale->bounds[i])
		i++;
	add(&h->counts[i], 1);
	add(&h->sum, value);
}

void histogram_add(struct histogram_sum *sum, const struct histogram *h)
{
	for (unsigned i = 0; i <= HISTOGRAM_BOUNDS_MAX; i++) {
		uint64_t n = atomic_load_explicit(&h->counts[i], memory_order_relaxed);
		sum->counts[i] += n;
		sum->total += n;
	}
	sum->sum += atomic_load_explicit(&h->sum, memory_order_relaxed);
}
