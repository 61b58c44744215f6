/* OpenSSL's memory, whose failures are counted (base/starved.h): OpenSSL calls a signature wrong
 * that it has no memory to verify. */
#ifndef M2M_CRYPTO_CRYPTO_MEMORY_H
#define M2M_CRYPTO_CRYPTO_MEMORY_H

/* Once, by the only thread, before anything of OpenSSL's is used. Later it changes nothing. */
void crypto_count_failures(void);

#endif
