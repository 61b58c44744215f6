/* LD_PRELOADed into the daemon: the inverses with which it signs ECDSA in batches come out wrong.
 * What libcrypto computes for itself, as for the same signatures one by one, stays right. */
#include <dlfcn.h>
#include <openssl/bn.h>
#include <stdbool.h>
#include <string.h>

typedef int mod_exp(BIGNUM *r, const BIGNUM *a, const BIGNUM *p, const BIGNUM *m, BN_CTX *ctx, BN_MONT_CTX *mont);

static bool is_libcrypto(const void *caller)
{
	Dl_info info;
	return dladdr(caller, &info) != 0 && info.dli_fname != NULL && strstr(info.dli_fname, "libcrypto") != NULL;
}

__attribute__((visibility("default"))) int BN_mod_exp_mont_consttime(BIGNUM *r, const BIGNUM *a, const BIGNUM *p, const BIGNUM *m,
								     BN_CTX *ctx, BN_MONT_CTX *mont)
{
	mod_exp *real = (mod_exp *)dlsym(RTLD_NEXT, "BN_mod_exp_mont_consttime");
	int done = real == NULL ? 0 : real(r, a, p, m, ctx, mont);
	return done == 1 && !is_libcrypto(__builtin_return_address(0)) ? BN_add_word(r, 1) : done;
}
