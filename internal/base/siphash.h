/* SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"), for tables whose keys
 * strangers choose: without the key nobody can aim at a slot. Not for what must stay secret. */
#ifndef M2M_BASE_SIPHASH_H
#define M2M_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* The key's 16 bytes as two little-endian words. */
struct siphash_key {
	uint64_t k0, k1;
};

uint64_t siphash(struct siphash_key key, const void *p, size_t n);

#endif
