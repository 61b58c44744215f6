#include <criterion/criterion.h>

#include "crypto/used_once.h"
#include "crypto_test.h"

static struct hasher *hasher;

static void up(void)
{
	crypto_up();
	hasher = hasher_new();
}

static void down(void)
{
	hasher_free(hasher);
	crypto_down();
}

TestSuite(used_once, .init = up, .fini = down);

static const char *made(enum used_once_kind kind, const char *owner, const char *jti)
{
	uint8_t out[USED_ONCE_LEN];

	cr_assert_eq(used_once_make(hasher, kind, str_of(owner), str_of(jti), out), ERR_OK);
	return hex(out, sizeof out);
}

/* As another program makes them that follows the header: Python's
 *   f = lambda s: len(s).to_bytes(4, "big") + s
 *   hashlib.sha256(b"m2m-gateway used once v1" + f(b"client assertion") + f(b"m2m_x") + f(b"j")) */
Test(used_once, the_bytes_are_the_same_in_every_gateway)
{
	cr_assert_str_eq(made(USED_ONCE_CLIENT_ASSERTION, "m2m_x", "j"), "0edbb7b4d174eb1d6427d8ceb724c4a9");
	cr_assert_str_eq(made(USED_ONCE_WORKLOAD, "m2m_x", "j"), "a8872f28718402d15e70787e587daa56");
	cr_assert_str_eq(made(USED_ONCE_DPOP_PROOF, "m2m_x", "j"), "c0a5d39fd26c0e3ec2247b616b100888");
}

Test(used_once, no_two_meet_in_the_same_bytes)
{
	static const struct {
		const char *owner, *jti;
	} pairs[] = {{"a", "bc"}, {"ab", "c"}, {"abc", ""}, {"", "abc"}, {"a", "b"}, {"b", "a"}, {"A", "b"}};
	const char *seen[3 * sizeof pairs / sizeof *pairs];
	size_t n = 0;

	for (enum used_once_kind kind = USED_ONCE_CLIENT_ASSERTION; kind <= USED_ONCE_DPOP_PROOF; kind++)
		for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
			seen[n++] = made(kind, pairs[i].owner, pairs[i].jti);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			cr_assert_str_neq(seen[i], seen[j], "%zu and %zu", i, j);
}
