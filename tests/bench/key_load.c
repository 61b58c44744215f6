/* How long a new signing key occupies a worker's loop: store/key_loader.h has a thread unwrap it,
 * parse it and try every lane, and the loop begins that, takes the snapshot over and lets the one
 * before go. In microseconds of CPU, by kind of key and way of signing:
 *
 *   loop     the longest turn of a load: the median of 15 loads, and the longest of them
 *   thread   what the thread had to do meanwhile, the median
 *   first    the loop's first signature with the new key, alone, the median
 *   later    any signature behind it, the median */
#include <event2/event.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/digest.h"
#include "crypto/keyset.h"
#include "crypto/signing_key_parts.h"
#include "crypto/wrapped_key.h"
#include "store/key_loader.h"

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
static int64_t cpu_us(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static int64_t loop_us(void)
{
	return cpu_us(CLOCK_THREAD_CPUTIME_ID);
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

static int64_t median(int64_t took[ROUNDS])
{
	qsort(took, ROUNDS, sizeof *took, by_value);
	return took[ROUNDS / 2];
}

/* What the loop does with it, as store/key_snapshot.c. */
static void take(void *arg, enum err err, struct keyset *set, const struct keyset_fault *fault)
{
	struct keyset **present = arg;
	require(err == ERR_OK && fault->err == ERR_OK && !fault->signs_simpler && keyset_current(set) != NULL, "no snapshot");
	keyset_free(*present);
	*present = set;
}

struct load_times {
	int64_t loop, thread, first, later;
};

static int64_t sign(struct signing_key *key)
{
	uint8_t signature[SIGNATURE_MAX];
	size_t n;
	int64_t began = loop_us();
	require(signing_key_sign(key, STR("a token"), signature, &n) == ERR_OK, "no signature");
	return loop_us() - began;
}

static void load(struct event_base *base, struct key_loader *loader, const struct key_load *what, struct keyset **present,
		 struct load_times *ret)
{
	const struct keyset *before = *present;
	int64_t process = cpu_us(CLOCK_PROCESS_CPUTIME_ID), all = loop_us(), began = all;
	key_loader_begin(loader, what, take, present);
	ret->loop = loop_us() - began;
	while (*present == before) {
		began = loop_us();
		event_base_loop(base, EVLOOP_ONCE);
		int64_t turn = loop_us() - began;
		ret->loop = turn > ret->loop ? turn : ret->loop;
	}
	all = loop_us() - all;
	ret->thread = cpu_us(CLOCK_PROCESS_CPUTIME_ID) - process - all;
	ret->first = sign(keyset_current(*present));
	for (int i = 0; i < 10; i++)
		ret->later = sign(keyset_current(*present));
}

static void measure(const char *name, enum signing_way way, struct keyset_row *row, const struct master_ring *ring)
{
	int64_t loop[ROUNDS], thread[ROUNDS], first[ROUNDS], later[ROUNDS];
	struct event_base *base = event_base_new();
	struct key_loader *loader = base == NULL ? NULL : key_loader_new(base);
	struct keyset *present = NULL;
	require(loader != NULL, "no loop");
	for (size_t i = 0; i < ROUNDS; i++) {
		struct load_times t;
		load(base, loader, &(struct key_load){ring, way, row, 1, i}, &present, &t);
		loop[i] = t.loop, thread[i] = t.thread, first[i] = t.first, later[i] = t.later;
	}
	printf("%-9s %-12s %6lld", name, signing_way_name(signing_key_way(keyset_current(present))), (long long)median(loop));
	printf(" %8lld %7lld %6lld %6lld\n", (long long)loop[ROUNDS - 1], (long long)median(thread), (long long)median(first),
	       (long long)median(later));
	keyset_free(present);
	key_loader_free(loader);
	event_base_free(base);
}

static void measure_key(const char *name, enum jwt_alg alg, EVP_PKEY *pkey, const struct master_ring *ring)
{
	struct arena *a = arena_new(1 << 20);
	struct signing_key *key = key_of(alg, pkey);
	struct sbuf jwk = sbuf_in(a, 2048);
	struct keyset_row row = {.kid = signing_key_kid(key),
				 .alg = str_of(jwt_alg_name(alg)),
				 .wrap_key_id = str_of(ring->keys[0].key_id),
				 .current = true};
	require(signing_key_public_jwk(key, &jwk) == ERR_OK && wrapped_key_make(a, &ring->keys[0], key, &row.wrapped) == ERR_OK, "no row");
	row.public_jwk = sbuf_str(&jwk);
	measure(name, SIGNING_MULTI_BUFFER, &row, ring);
	measure(name, SIGNING_SINGLE, &row, ring);
	signing_key_free(key);
	arena_free(a);
}

int main(void)
{
	struct master_ring ring;
	require(crypto_init() == ERR_OK &&
			master_ring_parse(STR("k1: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), &ring, NULL) == ERR_OK,
		"no master key");
	printf("%-9s %-12s %6s %8s %7s %6s %6s\n", "key", "way", "loop", "longest", "thread", "first", "later");
	measure_key("ES256", JWT_ES256, EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), &ring);
	measure_key("RSA-2048", JWT_RS256, EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048), &ring);
	measure_key("RSA-4096", JWT_RS256, EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)4096), &ring);
	master_ring_wipe(&ring);
	crypto_fini();
	return 0;
}
