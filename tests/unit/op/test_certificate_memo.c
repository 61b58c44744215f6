/* What of a proxy's fields a worker remembers, and what never. Certificates are the test's own. */
#include <criterion/criterion.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "base/base64.h"
#include "crypto/digest.h"
#include "op/certificate_memo.h"

#define BEGIN INT64_C(1700000000)
#define NOW   INT64_C(1750000000)
#define END   INT64_C(1800000000)

static struct arena *arena;
static struct certificate_memo *memo;
static struct certificate_authorities *set;
static EVP_PKEY *root_key, *leaf_key;
static X509 *root, *other_root;

static X509 *make(EVP_PKEY *signer, EVP_PKEY *own, const char *cn, const char *issuer, bool ca, int64_t end)
{
	static long serial = 1;
	X509 *x509 = X509_new();
	X509_EXTENSION *basic = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, ca ? "critical,CA:TRUE" : "CA:FALSE");
	X509_set_version(x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++);
	ASN1_TIME_set(X509_getm_notBefore(x509), BEGIN);
	ASN1_TIME_set(X509_getm_notAfter(x509), end);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8, (const uint8_t *)cn, -1, -1, 0);
	X509_NAME_add_entry_by_txt(X509_get_issuer_name(x509), "CN", MBSTRING_UTF8, (const uint8_t *)issuer, -1, -1, 0);
	X509_set_pubkey(x509, own);
	X509_add_ext(x509, basic, -1);
	X509_EXTENSION_free(basic);
	cr_assert_gt(X509_sign(x509, signer, EVP_sha256()), 0);
	return x509;
}

static void trust(X509 *ca)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *text = NULL;
	PEM_write_bio_X509(out, ca);
	long n = BIO_get_mem_data(out, &text);
	cr_assert_eq(certificate_authorities_set(set, str_from(text, (size_t)n)), ERR_OK);
	BIO_free(out);
}

static struct str field_of(X509 *x509)
{
	unsigned char *der = NULL;
	int n = i2d_X509(x509, &der);
	char *text = arena_alloc(arena, (size_t)n * 2 + 8);
	text[0] = ':';
	n = EVP_EncodeBlock((uint8_t *)text + 1, der, n);
	text[n + 1] = ':';
	OPENSSL_free(der);
	return str_from(text, (size_t)n + 2);
}

static struct str field_until(int64_t end)
{
	X509 *x509 = make(root_key, leaf_key, "leaf", "root", false, end);
	struct str field = field_of(x509);
	X509_free(x509);
	return field;
}

static void up(void)
{
	cr_assert_eq(crypto_init(), ERR_OK);
	arena = arena_new(8 << 20);
	memo = certificate_memo_new();
	set = certificate_authorities_new();
	root_key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	leaf_key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	root = make(root_key, root_key, "root", "root", true, END);
	other_root = make(leaf_key, leaf_key, "other root", "other root", true, END);
}

static void down(void)
{
	certificate_memo_free(memo);
	certificate_authorities_free(set);
	X509_free(root);
	X509_free(other_root);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(leaf_key);
	arena_free(arena);
	crypto_fini();
}

TestSuite(certificate_memo, .init = up, .fini = down);

static struct client_certificate *seen(struct str field)
{
	struct client_certificate *c = NULL;
	cr_assert_eq(certificate_memo_read(memo, field, NULL, 0, &c), ERR_OK);
	return c;
}

static bool vouched(struct str field, int64_t now)
{
	return client_certificate_judge(seen(field), set, now).names.p != NULL;
}

Test(certificate_memo, a_field_is_read_once)
{
	struct str field = field_until(END);
	struct client_certificate *first = seen(field), *with_chain = NULL;
	cr_expect_eq(seen(arena_copy(arena, field)), first);
	cr_expect_eq(certificate_memo_count(memo), 1);
	cr_expect_neq(seen(field_until(END)), first);
	struct str chain = field_of(root);
	cr_assert_eq(certificate_memo_read(memo, field, &chain, 1, &with_chain), ERR_OK);
	cr_expect_neq(with_chain, first, "what it came with is part of it");
	cr_expect_eq(certificate_memo_count(memo), 3);
}

Test(certificate_memo, what_cannot_be_read_is_not_remembered)
{
	struct client_certificate *c = NULL;
	cr_expect_eq(certificate_memo_read(memo, STR("nonsense"), NULL, 0, &c), ERR_MALFORMED);
	cr_expect_eq(certificate_memo_read(memo, field_until(END), &STR(":AAAA:"), 1, &c), ERR_MALFORMED);
	cr_expect(c == NULL && certificate_memo_count(memo) == 0);
}

Test(certificate_memo, it_does_not_outlive_the_certificate_s_end)
{
	struct str field = field_until(NOW + 10);
	trust(root);
	cr_assert(vouched(field, NOW));
	cr_expect(vouched(field, NOW + 10));
	cr_expect_not(vouched(field, NOW + 11));
	cr_expect_null(client_certificate_judge(seen(field), set, NOW + 11).x5t.p);
	cr_expect_eq(certificate_memo_count(memo), 1);
}

Test(certificate_memo, it_does_not_outlive_a_change_of_the_authorities)
{
	struct str field = field_until(END);
	cr_expect_not(vouched(field, NOW));
	trust(root);
	cr_expect(vouched(field, NOW));
	trust(other_root);
	cr_expect_not(vouched(field, NOW));
	trust(root);
	cr_expect(vouched(field, NOW));
	cr_expect_eq(certificate_memo_count(memo), 1);
}

Test(certificate_memo, it_is_bounded)
{
	for (int i = 0; i < 3 * CERTIFICATE_MEMO_MAX; i++)
		seen(field_until(END - i));
	size_t n = certificate_memo_count(memo);
	cr_expect(n > CERTIFICATE_MEMO_MAX / 2 && n <= CERTIFICATE_MEMO_MAX, "%zu", n);
}
