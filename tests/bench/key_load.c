/* How long a worker's loop stands still for a new signing key: keyset_build unwraps it, parses it,
 * and lets it sign and verify once. Prints the median and the longest of 15 in microseconds of
 * CPU, by kind of key. */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/digest.h"
#include "crypto/keyset.h"
#include "crypto/wrapped_key.h"

#define ROUNDS 15

static void require(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "key_load: %s\n", what);
	exit(1);
}

static struct signing_key *key_of(enum jwt_alg alg, EVP_PKEY *pkey)
{
	struct signing_key *key;
	unsigned char *der = NULL;
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
	int n = info == NULL ? -1 : i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	require(n > 0 && signing_key_from_der(alg, str_from(der, (size_t)n), &key) == ERR_OK, "no key");
	PKCS8_PRIV_KEY_INFO_free(info);
	OPENSSL_free(der);
	EVP_PKEY_free(pkey);
	return key;
}

/* Others on the machine don't count. */
static int64_t cpu_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

static void measure(const char *what, enum jwt_alg alg, EVP_PKEY *pkey, const struct master_ring *ring)
{
	int64_t took[ROUNDS];
	struct arena *a = arena_new(1 << 20);
	struct signing_key *key = key_of(alg, pkey);
	struct sbuf jwk = sbuf_in(a, 2048);
	struct keyset_row row = {.kid = signing_key_kid(key),
				 .alg = str_of(jwt_alg_name(alg)),
				 .wrap_key_id = str_of(ring->keys[0].key_id),
				 .current = true};
	require(signing_key_public_jwk(key, &jwk) == ERR_OK && wrapped_key_make(a, &ring->keys[0], key, &row.wrapped) == ERR_OK, "no row");
	row.public_jwk = sbuf_str(&jwk);
	for (size_t i = 0; i < ROUNDS; i++) {
		struct keyset *set;
		struct keyset_fault fault;
		int64_t began = cpu_us();
		require(keyset_build(ring, SIGNING_MULTI_BUFFER, &row, 1, 1, &set, &fault) == ERR_OK && keyset_current(set) != NULL,
			"no snapshot");
		took[i] = cpu_us() - began;
		keyset_free(set);
	}
	qsort(took, ROUNDS, sizeof *took, by_value);
	printf("%-10s %8lld %8lld\n", what, (long long)took[ROUNDS / 2], (long long)took[ROUNDS - 1]);
	signing_key_free(key);
	arena_free(a);
}

int main(void)
{
	struct master_ring ring;
	require(crypto_init() == ERR_OK &&
			master_ring_parse(STR("k1: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), &ring, NULL) == ERR_OK,
		"no master key");
	printf("%-10s %8s %8s\n", "key", "median", "longest");
	measure("ES256", JWT_ES256, EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), &ring);
	measure("RSA-2048", JWT_RS256, EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048), &ring);
	measure("RSA-4096", JWT_RS256, EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)4096), &ring);
	master_ring_wipe(&ring);
	crypto_fini();
	return 0;
}
