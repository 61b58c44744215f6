/* A build without libcrypto_mb. */
#include "crypto/multi_buffer.h"

struct group_signer *multi_buffer_new(enum jwt_alg alg, EVP_PKEY *pkey)
{
	(void)alg, (void)pkey;
	return NULL;
}

bool multi_buffer_has_ecdsa(void)
{
	return false;
}

unsigned multi_buffer_verify_ecdsa(const struct ecdsa_claim *claims, size_t n)
{
	(void)claims, (void)n;
	return 0;
}

const char *multi_buffer_version(bool *ret_here)
{
	*ret_here = false;
	return "not built in";
}
