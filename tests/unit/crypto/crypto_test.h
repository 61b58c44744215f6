/* What the tests of this folder share. */
#ifndef M2M_TESTS_UNIT_CRYPTO_TEST_H
#define M2M_TESTS_UNIT_CRYPTO_TEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "crypto/master_ring.h"

/* Before and after each test: the algorithms, and an arena that is large enough for anything
 * here. */
extern struct arena *arena;
void crypto_up(void);
void crypto_down(void);

/* `n` bytes as lower-case hex, in the arena. */
const char *hex(const void *p, size_t n);

/* The bytes that a hex literal spells, in the arena. */
struct str unhex(const char *text);

/* A ring of one key: id "k1", master 00 01 02 ... 1f. All vectors were computed for this one. */
extern struct master_ring ring;

/* The public keys of RFC 7515 appendices A.2 and A.3, and of RFC 8037 appendix A.2. */
extern const char rfc7515_rsa_jwk[];
extern const char rfc7515_ec_jwk[];
extern const char rfc8037_okp_jwk[];

#endif
