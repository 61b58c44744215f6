#include "base/siphash.h"

#include <criterion/criterion.h>

/* The paper's appendix A, and others of the reference implementation's vectors (SipHash-2-4-64):
 * key 00 01 .. 0f, input 00 01 .. of each length. */
Test(siphash, the_reference_s_vectors)
{
	static const struct siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
	static const struct {
		size_t n;
		uint64_t hash;
	} vectors[] = {{0, 0x726fdb47dd0e0e31}, {1, 0x74f839c593dc67fd},  {7, 0xab0200f58b01d137},
		       {8, 0x93f5f5799a932462}, {15, 0xa129ca6149be45e5}, {63, 0x958a324ceb064572}};
	uint8_t input[64];
	for (size_t i = 0; i < sizeof input; i++)
		input[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
		cr_assert_eq(siphash(key, input, vectors[i].n), vectors[i].hash, "%zu bytes", vectors[i].n);
}

Test(siphash, another_key_gives_another_hash)
{
	uint64_t hash = siphash((struct siphash_key){1, 2}, "m2m", 3);
	cr_assert_neq(hash, siphash((struct siphash_key){1, 3}, "m2m", 3));
	cr_assert_neq(hash, siphash((struct siphash_key){2, 2}, "m2m", 3));
}
