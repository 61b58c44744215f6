#include "ecdsa_test.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto_test.h"

static const char private_key[] = "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721";
const char ecdsa_vector_public[] = "04"
				   "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
				   "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
const struct ecdsa_vector ecdsa_vectors[2] = {
	{"sample", "A6E3C57DD01ABE90086538398355DD4C3B17AA873382B0F24D6129493D8AAD60",
	 "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
	 "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
	{"test", "D16B6AE827F17175E040871A1C7EC3500192C4C92677336EC2537ACAEE0008E0",
	 "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
	 "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"},
};

/* ---- the nonces ---- */

struct ecdsa_nonces nonces;

int BN_generate_dsa_nonce(BIGNUM *out, const BIGNUM *range, const BIGNUM *priv, const unsigned char *message, size_t message_len,
			  BN_CTX *ctx)
{
	static int (*real)(BIGNUM *, const BIGNUM *, const BIGNUM *, const unsigned char *, size_t, BN_CTX *);
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "BN_generate_dsa_nonce");
	if (nonces.broken)
		return 0;
	unsigned i = nonces.drawn++;
	if (i < ECDSA_BATCH_MAX) {
		cr_assert_eq(message_len, SHA256_LEN);
		memcpy(nonces.digests[i], message, SHA256_LEN);
	}
	if (i < nonces.n)
		return BN_hex2bn(&out, nonces.scripted[i]) > 0;
	return real(out, range, priv, message, message_len, ctx);
}

/* ---- the key ---- */

EVP_PKEY *ecdsa_vector_key(void)
{
	EVP_PKEY *made = NULL;
	BIGNUM *d = NULL;
	struct str point = unhex(ecdsa_vector_public);
	cr_assert_gt(BN_hex2bn(&d, private_key), 0);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	cr_assert_eq(OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0), 1);
	cr_assert_eq(OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, d), 1);
	cr_assert_eq(OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.n), 1);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	cr_assert_eq(EVP_PKEY_fromdata_init(ctx), 1);
	cr_assert_eq(EVP_PKEY_fromdata(ctx, &made, EVP_PKEY_KEYPAIR, params), 1);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	BN_free(d);
	return made;
}

/* ---- what stays behind ---- */

static unsigned count_in(const uint8_t *bytes, size_t n, const uint8_t *pattern, size_t pattern_n)
{
	unsigned found = 0;
	for (const uint8_t *at = bytes; (at = memmem(at, n - (size_t)(at - bytes), pattern, pattern_n)) != NULL; at += pattern_n)
		found++;
	return found;
}

typedef void look_at(const uint8_t *chunk, size_t n, unsigned long at, void *arg);

/* All writable memory but the chunk itself, piece by piece; each begins `overlap` bytes before the
 * end of the one before. */
static void look_through_memory(size_t overlap, look_at *look, void *arg)
{
	static uint8_t chunk[1 << 16];
	char line[256], mode[8];
	FILE *maps = fopen("/proc/self/maps", "re"), *memory = fopen("/proc/self/mem", "re");
	cr_assert(maps != NULL && memory != NULL);
	setvbuf(memory, NULL, _IONBF, 0);
	while (fgets(line, sizeof line, maps) != NULL) {
		unsigned long from, to;
		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 || mode[1] != 'w' || to - from > 1UL << 32)
			continue;
		for (unsigned long at = from; at < to; at += sizeof chunk - overlap) {
			size_t size = to - at < sizeof chunk ? to - at : sizeof chunk;
			ssize_t got = pread(fileno(memory), chunk, size, (off_t)at);
			uintptr_t mine = (uintptr_t)chunk;
			if (got > 0 && (at >= mine + sizeof chunk || at + size <= mine))
				look(chunk, (size_t)got, at, arg);
		}
		memset(chunk, 0, sizeof chunk);
	}
	fclose(maps);
	fclose(memory);
}

struct pattern {
	const uint8_t *bytes;
	size_t n;
	unsigned found;
};

static void count_pattern(const uint8_t *chunk, size_t n, unsigned long at, void *arg)
{
	struct pattern *p = arg;
	uintptr_t theirs = (uintptr_t)p->bytes;
	p->found += count_in(chunk, n, p->bytes, p->n) - (at <= theirs && theirs + p->n <= at + n);
}

unsigned count_in_memory(const uint8_t *pattern, size_t n)
{
	struct pattern p = {.bytes = pattern, .n = n};
	look_through_memory(n, count_pattern, &p);
	return p.found;
}

struct strided {
	const uint64_t *words;
	size_t n, stride;
	uint8_t seen[1 << 12]; /* by a word's low bits */
	bool found;
};

static bool is_run(const struct strided *s, const uint8_t *at, size_t k)
{
	for (size_t i = 0; i < STRIDED_RUN; i++)
		if (k + i >= s->n || s->words[k + i] == 0 || memcmp(at + i * s->stride, &s->words[k + i], sizeof s->words[0]) != 0)
			return false;
	return true;
}

static void find_words(const uint8_t *chunk, size_t n, unsigned long at, void *arg)
{
	(void)at;
	struct strided *s = arg;
	size_t whole = (STRIDED_RUN - 1) * s->stride + sizeof *s->words;
	for (size_t i = 0; i + whole <= n; i += sizeof *s->words) {
		if (!s->seen[(chunk[i] | chunk[i + 1] << 8) & 0xfff])
			continue;
		for (size_t k = 0; k < s->n; k++)
			s->found |= is_run(s, chunk + i, k);
	}
}

bool find_strided(const uint64_t *words, size_t n, size_t stride)
{
	static struct strided s;
	s = (struct strided){.words = words, .n = n, .stride = stride};
	for (size_t k = 0; k < n; k++)
		s.seen[words[k] & 0xfff] = words[k] != 0;
	look_through_memory(STRIDED_RUN * stride, find_words, &s);
	return s.found;
}

unsigned count_forms(BIGNUM *number, const BIGNUM *modulus)
{
	uint8_t bytes[ECDSA_RAW_LEN / 2];
	unsigned found = 0;
	BN_CTX *ctx = BN_CTX_secure_new();
	BIGNUM *form = BN_secure_new();
	for (int i = 0; i < 3; i++) {
		cr_assert(i < 2 ? BN_copy(form, number) != NULL : BN_mod_inverse(form, number, modulus, ctx) != NULL);
		cr_assert(i == 0 || BN_mod_lshift(form, form, 256, modulus, ctx) == 1);
		cr_assert_eq(BN_bn2lebinpad(form, bytes, sizeof bytes), sizeof bytes);
		BN_clear(form);
		if (i == 0)
			BN_clear(number);
		found += count_in_memory(bytes, sizeof bytes);
		if (i == 0)
			cr_assert_not_null(BN_lebin2bn(bytes, sizeof bytes, number));
		OPENSSL_cleanse(bytes, sizeof bytes);
	}
	BN_clear_free(form);
	BN_CTX_free(ctx);
	return found;
}

unsigned count_nonce(const char *k_hex, const EC_GROUP *group)
{
	BIGNUM *k = NULL;
	cr_assert_gt(BN_hex2bn(&k, k_hex), 0);
	unsigned found = count_forms(k, EC_GROUP_get0_order(group));
	BN_clear_free(k);
	return found;
}
