/* Eight signatures at once: what each lane makes is checked against published vectors, and by
 * OpenSSL, which also makes the same where a signature has no chance in it. A build or a CPU
 * without the library skips these tests; what stands in its place is tested in every build. */
#include <criterion/criterion.h>
#include <openssl/core_names.h>

#include "base/base64.h"
#include "crypto/group_signer.h"
#include "crypto/multi_buffer.h"
#include "ecdsa_test.h"
#include "fakes/private_key.h"
#include "jwt_test.h"
#include "mb_hooks.h"

static struct signing_key *key;
static uint8_t made[SIGNING_GROUP_MAX][SIGNATURE_MAX];
static size_t lengths[SIGNING_GROUP_MAX];
static struct str inputs[SIGNING_GROUP_MAX];

static void up(void)
{
	jwt_up();
	key = NULL;
	for (int i = 0; i < SIGNING_GROUP_MAX; i++)
		inputs[i] = arena_printf(arena, "input %d", i);
}

static void down(void)
{
	signing_key_free(key);
	jwt_down();
}

TestSuite(multi_buffer, .init = up, .fini = down);

static void skip_where_there_is_none(void)
{
	bool here;
	const char *version = multi_buffer_version(&here);
	if (!here)
		cr_skip_test("libcrypto_mb: %s", version);
}

/* The library has Ed25519 for AVX-512 alone. */
static bool lacks_it(enum jwt_alg alg)
{
	if (alg != JWT_EDDSA || signing_key_way(key) == SIGNING_MULTI_BUFFER)
		return false;
	cr_assert_not(__builtin_cpu_supports("avx512ifma"));
	signing_key_free(key);
	key = NULL;
	return true;
}

/* The key once more, signing by `way` if it can. */
static struct signing_key *again(struct signing_key *of, enum signing_way way)
{
	struct str der;
	struct signing_key *other;
	cr_assert_eq(signing_key_to_der(of, arena, &der), ERR_OK);
	cr_assert_eq(signing_key_from_der(signing_key_alg(of), der, &other), ERR_OK);
	signing_key_prepare_group(other, way);
	return other;
}

static void all_verify(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cr_assert_eq(signing_key_verify(key, inputs[i], str_from(made[i], lengths[i])), ERR_OK, "%zu of %zu", i, n);
		cr_assert_eq(signing_key_verify(key, inputs[(i + 1) % SIGNING_GROUP_MAX], str_from(made[i], lengths[i])), ERR_MISMATCH);
	}
}

static bool is_one_alone(size_t i)
{
	uint8_t alone[SIGNATURE_MAX];
	size_t n;
	cr_assert_eq(signing_key_sign(key, inputs[i], alone, &n), ERR_OK);
	return n == lengths[i] && memcmp(alone, made[i], n) == 0;
}

/* RSASSA-PKCS1-v1_5 and Ed25519 have one signature for each input, the others many. */
static bool has_no_chance(enum jwt_alg alg)
{
	return alg == JWT_RS256 || alg == JWT_EDDSA;
}

Test(multi_buffer, every_count_of_lanes_signs_as_openssl_does)
{
	skip_where_there_is_none();
	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++) {
		key = again(keys[alg], SIGNING_MULTI_BUFFER);
		if (lacks_it(alg))
			continue;
		cr_assert_eq(signing_key_way(key), SIGNING_MULTI_BUFFER, "%s", jwt_alg_name(alg));
		for (size_t n = 1; n <= MULTI_BUFFER_LANES; n++) {
			memset(made, 0, sizeof made);
			cr_assert_eq(signing_key_sign_together(key, inputs, n, made, lengths), ERR_OK, "%s, %zu", jwt_alg_name(alg), n);
			all_verify(n);
			for (size_t i = 0; i < n; i++)
				cr_assert_eq(is_one_alone(i), has_no_chance(alg), "%s, %zu of %zu", jwt_alg_name(alg), i, n);
		}
		signing_key_free(key);
	}
	key = NULL;
}

Test(multi_buffer, groups_of_every_size_verify)
{
	skip_where_there_is_none();
	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++) {
		key = again(keys[alg], SIGNING_MULTI_BUFFER);
		for (size_t n = 1; n <= signing_key_group(key); n++) {
			cr_assert_eq(signing_key_sign_all(key, inputs, n, made, lengths), ERR_OK);
			all_verify(n);
		}
		signing_key_free(key);
	}
	key = NULL;
}

/* RFC 7515 appendix A.2.1, as PKCS #8. */
static const char rfc7515_rsa_key[] =
	"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCh+BYK4uPJtGXOjS1lYmM2K5J9vinh8CR3/BYlzJChNuOL2TSXxbbqY913EeZ8dCn5VrD7"
	"io8ImtxLaYk8wTM/U+3QGbh3hCUv7JFP5IV3aVlL6kKA0ywPVb9ilE8TA5a8bpvfbr3SvaNnjuygxmj3AbONv/s4yDQs4v5tJ/reSlpIdJed1LnPmt7Ex1sF"
	"hSwsD174pcF1A5L5ROjtZMEQxrZHYJqkeDrrnGya11UxMFBji4NmXG9veoKjlnAqH2QbgtPr8jkiGUkftoaHLFcW9Qr4NY2ai50Xw0Byj3+H2JoY2PyrZ62E"
	"WQwuz3WTOTY8BwNNb2BvniHgVFbK5emhAgMBAAECggEAEq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7/GQ5sLKMgvfTeX"
	"Zx9SE+7YwVol2NXOoAJe46sui395IW/GO+pWJ1O0BkTGoVEn2bKVRUCgu+GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M/V51gfpRLI9JYanr"
	"C4D4qAdGcopV/0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl/x/jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR/RQyGWS"
	"eWjnczT0QU91p1DhOVRuOopznQKBgQDgHMQQ60imZV1URk0KpLttoLhyt3SmqdEf/kgHePDdtzEafpAu+cS191R2JiuoF2yzWXnwFDcqGigp5BNr0AHQfD8/"
	"Lk8l1Mk09jxxCfui5nYooNyac8YFjm3vItzVCVDnEd3BbVWG8qf6deqElMGAg+C2V0L4oNXnP7LZcPAZRwKBgQC5A8R+CZW2MvRTLLHzwZkUXV866cff7tx6"
	"kqa0finGG0KgeqlaZPxgCZnFp7AeAcCMtiynVlJ7vMVgePsLq6XtON4tB5kP9jAPrq3rbAOal78eUH5OcED6eNuCV8ixEu1eWcPNCS/l1OW1EnXUEoEHKl54"
	"Xrrz2uNwkgMTP1FZ1wKBgAcCn1dwJKufzBWQxWQp1vsM5fggqPN1qGb5y0MAk3g7/Ls5bkUp5u9SN0Ai3Ya6hNnvWJMb7sXQX6U/zyO2M/hTip7tUeh7CXgw"
	"o59dkpN75gJLVds29+DAncu3KXU4f2Fa+7bLNrur53k8KwPOq2bbuTG69QtV7Jr5MR0AHWKNAoGBAIf/evpitUf+4JYbLpvNXWcY052Mpz22aR84mY3nh3F2"
	"LF2mjMJDpTg7FmuyPcVw6EcGyoAe9fa65iNqCq+jdw6PVNGo2hxfjSiZ8IIzHdsPXI89//pMjZcQK9r+CCoRjaZjOYiIDktVWZzmevJuv6WywUqd57LE3Zar"
	"3dLSIkx1AoGAIYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd+DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd/QJQ3ydy5cY7YIBi87w93IKLEdfnb"
	"JtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp/gh6A5603k2+ZQwVK0JKSHuLFkuQ3U=";

static const char rfc8037_okp_key[] = "302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

/* The example at each lane in turn, other inputs beside it. */
static void example_at_each_lane(enum jwt_alg alg, struct str der)
{
	struct jwt example = taken_apart(alg, known_tokens[alg].token);
	cr_assert_eq(signing_key_from_der(alg, der, &key), ERR_OK);
	signing_key_prepare_group(key, SIGNING_MULTI_BUFFER);
	if (lacks_it(alg))
		cr_skip_test("no AVX-512 here");
	for (size_t lane = 0; lane < MULTI_BUFFER_LANES; lane++) {
		struct str mixed[MULTI_BUFFER_LANES];
		memcpy(mixed, inputs, sizeof mixed);
		mixed[lane] = example.signing_input;
		cr_assert_eq(signing_key_sign_together(key, mixed, MULTI_BUFFER_LANES, made, lengths), ERR_OK);
		cr_assert(str_eq(str_from(made[lane], lengths[lane]), example.signature), "%s at %zu", jwt_alg_name(alg), lane);
	}
}

Test(multi_buffer, the_example_of_rfc_7515_comes_out_of_every_lane)
{
	skip_where_there_is_none();
	size_t cap = BASE64_DECODED_MAX(strlen(rfc7515_rsa_key)), n = 0;
	char *der = arena_alloc(arena, cap);
	cr_assert_eq(base64_decode(str_of(rfc7515_rsa_key), der, cap, &n), ERR_OK);
	example_at_each_lane(JWT_RS256, str_from(der, n));
}

Test(multi_buffer, the_example_of_rfc_8037_comes_out_of_every_lane)
{
	skip_where_there_is_none();
	example_at_each_lane(JWT_EDDSA, unhex(rfc8037_okp_key));
}

/* ---- ECDSA: nonces ---- */

static struct group_signer *vector_signer(EVP_PKEY **ret)
{
	*ret = ecdsa_vector_key();
	struct group_signer *g = group_signer_new(JWT_ES256, *ret, SIGNING_MULTI_BUFFER);
	cr_assert_not_null(g);
	cr_assert_eq(g->way, SIGNING_MULTI_BUFFER);
	return g;
}

static uint8_t digests[MULTI_BUFFER_LANES][SHA256_LEN];
static struct str digested[MULTI_BUFFER_LANES];

static void digest_all(void)
{
	for (size_t i = 0; i < MULTI_BUFFER_LANES; i++) {
		cr_assert_eq(sha256(inputs[i].p, inputs[i].n, digests[i]), ERR_OK);
		digested[i] = str_from(digests[i], SHA256_LEN);
	}
}

Test(multi_buffer, the_signatures_of_rfc_6979_come_out_of_every_lane)
{
	skip_where_there_is_none();
	EVP_PKEY *pkey;
	struct group_signer *g = vector_signer(&pkey);
	for (unsigned lane = 0; lane < MULTI_BUFFER_LANES; lane++) {
		const struct ecdsa_vector *v = &ecdsa_vectors[lane % 2];
		const char *scripted[MULTI_BUFFER_LANES];
		for (unsigned i = 0; i < MULTI_BUFFER_LANES; i++)
			scripted[i] = i == lane ? v->k : "1";
		nonces = (struct ecdsa_nonces){.scripted = scripted, .n = MULTI_BUFFER_LANES};
		digest_all();
		cr_assert_eq(sha256(v->message, strlen(v->message), digests[lane]), ERR_OK);
		cr_assert_eq(g->sign(g, digested, MULTI_BUFFER_LANES, made, lengths), ERR_OK);
		cr_assert_str_eq(hex(made[lane], ECDSA_RAW_LEN), v->signature, "at %u", lane);
	}
	group_signer_free(g);
	EVP_PKEY_free(pkey);
}

Test(multi_buffer, each_nonce_is_drawn_for_its_own_digest_and_never_zero)
{
	skip_where_there_is_none();
	EVP_PKEY *pkey;
	struct group_signer *g = vector_signer(&pkey);
	static const char *const scripted[] = {"0"};
	digest_all();
	nonces = (struct ecdsa_nonces){.n = 0};
	cr_assert_eq(g->sign(g, digested, MULTI_BUFFER_LANES, made, lengths), ERR_OK);
	cr_assert_eq(nonces.drawn, MULTI_BUFFER_LANES);
	cr_assert_arr_eq(nonces.digests, digests, sizeof digests);
	nonces = (struct ecdsa_nonces){.scripted = scripted, .n = 1};
	cr_assert_eq(g->sign(g, digested, 3, made, lengths), ERR_OK);
	cr_assert_eq(nonces.drawn, 4);
	nonces = (struct ecdsa_nonces){.broken = true};
	cr_assert_eq(g->sign(g, digested, 3, made, lengths), ERR_CRYPTO, "without a random generator there is none");
	nonces.broken = false;
	group_signer_free(g);
	EVP_PKEY_free(pkey);
}

/* Two signatures with one nonce give the key away. */
Test(multi_buffer, no_nonce_is_used_twice)
{
	skip_where_there_is_none();
	enum { CALLS = 16 };
	static uint8_t r[CALLS * MULTI_BUFFER_LANES][ECDSA_RAW_LEN / 2];
	EVP_PKEY *pkey;
	struct group_signer *g = vector_signer(&pkey);
	digest_all();
	for (unsigned i = 0; i < MULTI_BUFFER_LANES; i++)
		memset(digests[i], 7, SHA256_LEN);
	for (unsigned call = 0; call < CALLS; call++) {
		cr_assert_eq(g->sign(g, digested, MULTI_BUFFER_LANES, made, lengths), ERR_OK);
		for (unsigned i = 0; i < MULTI_BUFFER_LANES; i++)
			memcpy(r[call * MULTI_BUFFER_LANES + i], made[i], sizeof r[0]);
	}
	for (unsigned i = 0; i < CALLS * MULTI_BUFFER_LANES; i++)
		for (unsigned j = 0; j < i; j++)
			cr_assert_neq(memcmp(r[i], r[j], sizeof r[0]), 0, "%u and %u", i, j);
	group_signer_free(g);
	EVP_PKEY_free(pkey);
}

Test(multi_buffer, nothing_of_a_nonce_stays_behind)
{
	skip_where_there_is_none();
	EVP_PKEY *pkey;
	struct group_signer *g = vector_signer(&pkey);
	const char *scripted[] = {ecdsa_vectors[0].k, ecdsa_vectors[1].k, ecdsa_vectors[0].k};
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	digest_all();
	nonces = (struct ecdsa_nonces){.scripted = scripted, .n = 3};
	cr_assert_eq(g->sign(g, digested, 3, made, lengths), ERR_OK);
	cr_assert_eq(count_nonce(ecdsa_vectors[0].k, group), 0);
	cr_assert_eq(count_nonce(ecdsa_vectors[1].k, group), 0);
	EC_GROUP_free(group);
	group_signer_free(g);
	EVP_PKEY_free(pkey);
}

/* FIPS 186-5 section 6.4.1 takes the digest as a number, which may be beyond the order: the
 * library doesn't. */
Test(multi_buffer, a_digest_beyond_the_order_is_not_signed_wrongly)
{
	skip_where_there_is_none();
	EVP_PKEY *pkey;
	struct group_signer *g = vector_signer(&pkey);
	digest_all();
	memset(digests[1], 0xff, SHA256_LEN);
	cr_assert_eq(g->sign(g, digested, 3, made, lengths), ERR_CRYPTO);
	group_signer_free(g);
	EVP_PKEY_free(pkey);
}

/* ---- RSA: sizes, and what a fault comes to ---- */

Test(multi_buffer, rsa_of_the_larger_sizes_signs_as_openssl_does)
{
	skip_where_there_is_none();
	for (enum rsa_key size = RSA_KEY_3072; size <= RSA_KEY_4096; size++) {
		cr_assert_eq(signing_key_of_private(JWT_RS256, rsa_key(size), &key), ERR_OK);
		signing_key_prepare_group(key, SIGNING_MULTI_BUFFER);
		cr_assert_eq(signing_key_way(key), SIGNING_MULTI_BUFFER);
		cr_assert_eq(signing_key_sign_together(key, inputs, MULTI_BUFFER_LANES, made, lengths), ERR_OK);
		for (size_t i = 0; i < MULTI_BUFFER_LANES; i++)
			cr_assert(is_one_alone(i), "%u bits, %zu", EVP_PKEY_get_bits(key->pkey), i);
		signing_key_free(key);
	}
	key = NULL;
}

static EVP_PKEY *unusual_rsa_key(size_t bits, unsigned long exponent)
{
	EVP_PKEY *pkey = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_PKEY_PARAM_RSA_BITS, &bits),
			       OSSL_PARAM_construct_ulong(OSSL_PKEY_PARAM_RSA_E, &exponent), OSSL_PARAM_construct_end()};
	cr_assert_eq(EVP_PKEY_keygen_init(ctx), 1);
	cr_assert_eq(EVP_PKEY_CTX_set_params(ctx, params), 1);
	cr_assert_eq(EVP_PKEY_generate(ctx, &pkey), 1);
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

Test(multi_buffer, what_the_library_does_not_take_signs_one_by_one)
{
	static const struct {
		size_t bits;
		unsigned long exponent;
	} others[] = {{2048, 3}, {2560, 65537}};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		cr_assert_eq(signing_key_of_private(JWT_RS256, unusual_rsa_key(others[i].bits, others[i].exponent), &key), ERR_OK);
		signing_key_prepare_group(key, SIGNING_MULTI_BUFFER);
		cr_assert_eq(signing_key_way(key), SIGNING_SINGLE);
		cr_assert_eq(signing_key_sign_all(key, inputs, 3, made, lengths), ERR_OK);
		all_verify(3);
		signing_key_free(key);
	}
	key = NULL;
}

static uint64_t words[256];
static size_t words_n;

/* As the library has numbers: words of `radix` bits; one lane's lie 8 * LANES bytes apart. */
static void add_words(const BIGNUM *number, int radix)
{
	BIGNUM *rest = BN_dup(number), *word = BN_new();
	for (; !BN_is_zero(rest); words_n++) {
		cr_assert(BN_copy(word, rest) != NULL && words_n + 1 < sizeof words / sizeof *words);
		BN_mask_bits(word, radix);
		cr_assert_eq(BN_bn2lebinpad(word, (uint8_t *)&words[words_n], sizeof words[0]), sizeof words[0]);
		cr_assert_eq(BN_rshift(rest, rest, radix), 1);
	}
	words[words_n++] = 0;
	BN_clear_free(word);
	BN_clear_free(rest);
}

static bool words_are_in_lanes(void)
{
	return find_strided(words, words_n, 8 * MULTI_BUFFER_LANES);
}

/* The search finds what it is for. */
Test(multi_buffer, numbers_in_lanes_would_be_found)
{
	uint64_t(*lanes)[MULTI_BUFFER_LANES] = arena_alloc(arena, 16 * sizeof *lanes);
	memset(lanes, 0, 16 * sizeof *lanes);
	BIGNUM *number = BN_new();
	cr_assert_eq(BN_rand(number, 1024, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD), 1);
	add_words(number, 64);
	cr_assert_not(words_are_in_lanes());
	for (size_t i = 9; i < 12; i++)
		lanes[i][3] = words[i];
	cr_assert(words_are_in_lanes());
	BN_free(number);
}

Test(multi_buffer, no_copy_of_a_secret_part_stays_behind)
{
	static const char *const parts[] = {OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2, OSSL_PKEY_PARAM_RSA_EXPONENT1,
					    OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
	skip_where_there_is_none();
	key = again(keys[JWT_RS256], SIGNING_MULTI_BUFFER);
	mb_open_nothing(true); /* it would write over some of it */
	cr_assert_eq(signing_key_sign_together(key, inputs, MULTI_BUFFER_LANES, made, lengths), ERR_CRYPTO);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		BIGNUM *part = NULL;
		cr_assert_eq(EVP_PKEY_get_bn_param(key->pkey, parts[i], &part), 1);
		add_words(part, 52);
		add_words(part, 64);
		BN_clear_free(part);
	}
	cr_assert_not(words_are_in_lanes());
}

/* One wrong signature of this kind factors the modulus. */
Test(multi_buffer, a_spoiled_rsa_signature_does_not_leave)
{
	skip_where_there_is_none();
	static const enum jwt_alg algs[] = {JWT_RS256, JWT_PS256};
	for (size_t a = 0; a < 2; a++) {
		key = again(keys[algs[a]], SIGNING_MULTI_BUFFER);
		for (int lane = 0; lane < MULTI_BUFFER_LANES; lane++) {
			mb_spoil(lane);
			cr_assert_eq(signing_key_sign_together(key, inputs, MULTI_BUFFER_LANES, made, lengths), ERR_CRYPTO, "lane %d",
				     lane);
		}
		cr_assert_eq(signing_key_sign_all(key, inputs, MULTI_BUFFER_LANES, made, lengths), ERR_OK, "each is made alone then");
		all_verify(MULTI_BUFFER_LANES);
		mb_spoil(MB_NONE);
		signing_key_free(key);
	}
	key = NULL;
}

/* ---- which way ---- */

static const enum signing_way without_it[JWT_ALG_COUNT] = {
	[JWT_RS256] = SIGNING_SINGLE,
	[JWT_PS256] = SIGNING_SINGLE,
	[JWT_ES256] = SIGNING_BATCHED,
	[JWT_EDDSA] = SIGNING_SINGLE,
};

static void all_sign_without_it(enum signing_way allowed, const char *why)
{
	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++) {
		key = again(keys[alg], allowed);
		cr_assert_eq(signing_key_way(key), without_it[alg], "%s: %s", why, jwt_alg_name(alg));
		cr_assert_eq(signing_key_sign_all(key, inputs, signing_key_group(key), made, lengths), ERR_OK);
		all_verify(signing_key_group(key));
		signing_key_free(key);
	}
	key = NULL;
}

Test(multi_buffer, a_key_whose_lanes_do_not_verify_signs_in_the_next_simpler_way)
{
	skip_where_there_is_none();
	mb_spoil(MULTI_BUFFER_LANES - 1);
	key = again(keys[JWT_RS256], SIGNING_SINGLE);
	cr_assert_not(signing_key_prepare_group(key, SIGNING_MULTI_BUFFER), "and says so");
	signing_key_free(key);
	all_sign_without_it(SIGNING_MULTI_BUFFER, "spoiled");
}

Test(multi_buffer, so_does_one_on_a_cpu_without_the_instructions)
{
	mb_hide_cpu(true);
	all_sign_without_it(SIGNING_MULTI_BUFFER, "no IFMA");
}

Test(multi_buffer, so_does_one_that_a_setting_keeps_from_it)
{
	all_sign_without_it(SIGNING_BATCHED, "batched");
	key = again(keys[JWT_ES256], SIGNING_SINGLE);
	cr_assert_eq(signing_key_way(key), SIGNING_SINGLE);
}

Test(multi_buffer, an_openssl_that_may_use_approved_implementations_only_signs_itself)
{
	cr_assert_eq(EVP_default_properties_enable_fips(NULL, 1), 1);
	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++)
		cr_assert_null(group_signer_new(alg, keys[alg]->pkey, SIGNING_MULTI_BUFFER), "%s", jwt_alg_name(alg));
	cr_assert_eq(EVP_default_properties_enable_fips(NULL, 0), 1);
}

Test(multi_buffer, the_ways_have_names)
{
	for (int way = 0; way < SIGNING_WAY_COUNT; way++) {
		enum signing_way named;
		cr_assert_eq(signing_way_named(str_of(signing_way_name((enum signing_way)way)), &named), ERR_OK);
		cr_assert_eq(named, (enum signing_way)way);
	}
	enum signing_way named;
	cr_assert_eq(signing_way_named(STR("fastest"), &named), ERR_MALFORMED);
}
