/* What a client's certificate is worth, and to whom: of certificates that the test makes. */
#include <criterion/criterion.h>

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "crypto/client_certificate.h"
#include "crypto_test.h"
#include "failing_memory.h"

#define BEGIN INT64_C(1700000000)
#define END   INT64_C(1800000000)
#define NOW   INT64_C(1750000000)
#define NAME  "tls_client_auth_san_dns:billing.example"

struct made {
	EVP_PKEY *key;
	X509 *x509;
};

static struct made root, other_root, intermediate, leaf;
static struct certificate_authorities *set;

static void extend(X509 *x509, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	cr_assert_not_null(extension);
	X509_add_ext(x509, extension, -1);
	X509_EXTENSION_free(extension);
}

/* A CA if `usage` is NULL. Signed by `issuer`, or by itself. */
static struct made make(const struct made *issuer, const char *cn, const char *usage, int64_t end)
{
	struct made made = {.key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), .x509 = X509_new()};
	X509_NAME *name = X509_get_subject_name(made.x509);
	static long serial = 1;
	X509_set_version(made.x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(made.x509), serial++);
	ASN1_TIME_set(X509_getm_notBefore(made.x509), BEGIN);
	ASN1_TIME_set(X509_getm_notAfter(made.x509), end);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)cn, -1, -1, 0);
	X509_set_issuer_name(made.x509, issuer == NULL ? name : X509_get_subject_name(issuer->x509));
	X509_set_pubkey(made.x509, made.key);
	extend(made.x509, NID_basic_constraints, usage == NULL ? "critical,CA:TRUE" : "CA:FALSE");
	if (usage != NULL) {
		extend(made.x509, NID_ext_key_usage, usage);
		extend(made.x509, NID_subject_alt_name, "DNS:Billing.example");
	}
	cr_assert_gt(X509_sign(made.x509, issuer == NULL ? made.key : issuer->key, EVP_sha256()), 0);
	return made;
}

static void unmake(struct made *made)
{
	EVP_PKEY_free(made->key);
	X509_free(made->x509);
}

static void trust(const struct made *ca)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *text = NULL;
	PEM_write_bio_X509(out, ca->x509);
	long n = BIO_get_mem_data(out, &text);
	cr_assert_eq(certificate_authorities_set(set, str_from(text, (size_t)n)), ERR_OK);
	BIO_free(out);
}

static void up(void)
{
	crypto_up();
	root = make(NULL, "root", NULL, END);
	other_root = make(NULL, "other root", NULL, END);
	intermediate = make(&root, "intermediate", NULL, NOW + 1000);
	leaf = make(&root, "leaf", "clientAuth", END);
	set = certificate_authorities_new();
	cr_assert_not_null(set);
}

static void down(void)
{
	struct made *all[] = {&root, &other_root, &intermediate, &leaf};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		unmake(all[i]);
	certificate_authorities_free(set);
	crypto_down();
}

TestSuite(client_certificate, .init = up, .fini = down);

static struct client_certificate *shown(const struct made *made, const struct made *with)
{
	struct client_certificate *c = NULL;
	STACK_OF(X509) *chain = with == NULL ? NULL : sk_X509_new_null();
	if (with != NULL)
		sk_X509_push(chain, with->x509);
	cr_assert_eq(client_certificate_from_chain(made->x509, chain, &c), ERR_OK);
	sk_X509_free(chain);
	return c;
}

static bool has_name(struct client_certificate *c, int64_t now)
{
	struct client_certificate_worth worth = client_certificate_judge(c, set, now);
	return worth.names.p != NULL && memmem(worth.names.p, worth.names.n, NAME, sizeof NAME - 1) != NULL;
}

Test(client_certificate, names_count_where_an_authority_vouches)
{
	struct client_certificate *c = shown(&leaf, NULL);
	cr_expect_not(has_name(c, NOW), "nobody is trusted yet");
	trust(&other_root);
	cr_expect_not(has_name(c, NOW));
	trust(&root);
	cr_expect(has_name(c, NOW), "a new set is asked anew");
	struct client_certificate_worth worth = client_certificate_judge(c, set, NOW);
	cr_expect(str_eq(worth.names, STR("tls_client_auth_subject_dn:CN=leaf\n" NAME)), "%.*s", STR_ARG(worth.names));
	trust(&other_root);
	cr_expect_not(has_name(c, NOW), "whoever isn't trusted any more vouches for nobody");
	worth = client_certificate_judge(c, NULL, NOW);
	cr_expect(worth.names.p == NULL && str_starts(worth.x5t, STR("x5t#S256:")) && worth.x5t.n == 52);
	client_certificate_free(c);
}

Test(client_certificate, it_is_worth_nothing_outside_of_its_time)
{
	struct client_certificate *c = shown(&leaf, NULL);
	trust(&root);
	const int64_t outside[] = {BEGIN - 1, END + 1};
	for (int i = 0; i < 2; i++) {
		cr_expect(has_name(c, NOW), "as it was");
		struct client_certificate_worth worth = client_certificate_judge(c, set, outside[i]);
		cr_expect(worth.x5t.p == NULL && worth.names.p == NULL);
	}
	cr_expect(has_name(c, BEGIN) && has_name(c, END - 1));
	client_certificate_free(c);
}

Test(client_certificate, an_intermediate_that_ends_takes_the_names_along)
{
	struct made below = make(&intermediate, "below", "clientAuth", END);
	struct client_certificate *c = shown(&below, &intermediate), *alone = shown(&below, NULL);
	trust(&root);
	cr_expect(has_name(c, NOW + 990));
	cr_expect_not(has_name(c, NOW + 1001));
	cr_expect_not_null(client_certificate_judge(c, set, NOW + 1001).x5t.p);
	cr_expect_not(has_name(alone, NOW), "nothing leads to the root");
	client_certificate_free(alone);
	client_certificate_free(c);
	unmake(&below);
}

Test(client_certificate, a_servers_certificate_names_no_client)
{
	struct made server = make(&root, "server", "serverAuth", END);
	struct client_certificate *c = shown(&server, NULL);
	trust(&root);
	cr_expect_not(has_name(c, NOW));
	client_certificate_free(c);
	unmake(&server);
}

Test(client_certificate, what_is_no_set_of_certificates_changes_nothing)
{
	struct client_certificate *c = shown(&leaf, NULL);
	trust(&root);
	cr_expect_eq(certificate_authorities_set(set, STR("")), ERR_MALFORMED);
	cr_expect_eq(certificate_authorities_set(set, STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")),
		     ERR_MALFORMED);
	cr_expect(has_name(c, NOW));
	client_certificate_free(c);
}

/* A byte sequence, in `text`. Its length. */
static int item_of(const struct made *made, char text[4096])
{
	unsigned char *der = NULL;
	int n = i2d_X509(made->x509, &der);
	text[0] = ':';
	n = EVP_EncodeBlock((uint8_t *)text + 1, der, n);
	text[n + 1] = ':';
	text[n + 2] = '\0';
	OPENSSL_free(der);
	return n;
}

/* RFC 9440 section 2.3: in one line or in several. */
Test(client_certificate, a_proxy_s_chain_leads_to_the_authority)
{
	struct made second = make(&intermediate, "second", NULL, END), below = make(&second, "below", "clientAuth", END);
	struct client_certificate *c = NULL;
	static char own[4096], first_item[4096], second_item[4096], both[9000], many[40000];
	item_of(&below, own);
	item_of(&intermediate, first_item);
	item_of(&second, second_item);
	snprintf(both, sizeof both, "%s , %s", second_item, first_item);
	trust(&root);
	const struct str one_line[] = {str_of(both)};
	const struct str two_lines[] = {str_of(second_item), str_of(first_item)};
	const struct str half[] = {str_of(second_item)};
	const struct {
		const struct str *lines;
		size_t n;
		bool leads;
	} cases[] = {{NULL, 0, false}, {one_line, 1, true}, {two_lines, 2, true}, {half, 1, false}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cr_assert_eq(client_certificate_from_field(str_of(own), cases[i].lines, cases[i].n, &c), ERR_OK);
		cr_expect_eq(has_name(c, NOW), cases[i].leads, "%zu", i);
		client_certificate_free(c);
	}
	trust(&other_root);
	cr_assert_eq(client_certificate_from_field(str_of(own), one_line, 1, &c), ERR_OK);
	cr_expect_not(has_name(c, NOW), "a chain vouches for nobody");
	client_certificate_free(c);

	for (int i = 0; i < 9; i++)
		snprintf(many + strlen(many), sizeof many - strlen(many), "%s%s", i == 0 ? "" : ",", first_item);
	const struct str bad[] = {STR(""), STR("nonsense"), STR(":AAAA:"), STR(","), str_of(many)};
	c = NULL;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_eq(client_certificate_from_field(str_of(own), &bad[i], 1, &c), ERR_MALFORMED, "%zu", i);
	cr_expect_null(c);
	unmake(&below);
	unmake(&second);
}

Test(client_certificate, a_field_is_read_as_the_handshakes)
{
	struct client_certificate *c = NULL, *same = shown(&leaf, NULL);
	static char text[4096];
	int n = item_of(&leaf, text);
	cr_assert_eq(client_certificate_from_field(str_from(text, (size_t)n + 2), NULL, 0, &c), ERR_OK);
	cr_expect(str_eq(client_certificate_judge(c, set, NOW).x5t, client_certificate_judge(same, set, NOW).x5t));
	client_certificate_free(c);
	cr_expect_eq(client_certificate_from_field(str_from(text, (size_t)n + 1), NULL, 0, &c), ERR_MALFORMED);
	cr_expect_eq(client_certificate_from_field(str_from(text + 1, (size_t)n + 1), NULL, 0, &c), ERR_MALFORMED);
	cr_expect_eq(client_certificate_from_field(STR(":AAAA:"), NULL, 0, &c), ERR_MALFORMED);
	cr_expect_eq(client_certificate_from_field(STR("::"), NULL, 0, &c), ERR_MALFORMED);
	client_certificate_free(same);
}

/* ---- without memory ---- */

/* As a connection of its own shows it. */
static STACK_OF(X509) * chain_of(const struct made *with)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	sk_X509_push(chain, X509_dup(with->x509));
	return chain;
}

/* NULL: there was no memory. */
static struct client_certificate *shown_in(STACK_OF(X509) * chain, const struct made *made)
{
	struct client_certificate *c = NULL;
	enum err err = client_certificate_from_chain(made->x509, chain, &c);
	sk_X509_pop_free(chain, X509_free);
	cr_assert(err == ERR_OK || err == ERR_NO_MEMORY, "%s", err_info(err)->code);
	return c;
}

enum step { TRUSTING, SHOWING, JUDGING, STEPS };

/* Where memory fails in one of the steps, that one is done again if it says so. What it had to do
 * without matters to nothing later. */
static bool fail_in(enum step step, unsigned before, struct str authority, const struct made *made)
{
	bool failed[STEPS] = {false};
	STACK_OF(X509) *chain = chain_of(&intermediate);
	memory_fail_after(step == TRUSTING ? before : UINT_MAX);
	enum err err = certificate_authorities_set(set, authority);
	failed[TRUSTING] = memory_end();
	cr_assert(err == ERR_OK || err == ERR_NO_MEMORY, "%s", err_info(err)->code);
	if (err != ERR_OK)
		trust(&root);
	memory_fail_after(step == SHOWING ? before : UINT_MAX);
	struct client_certificate *c = shown_in(chain, made);
	failed[SHOWING] = memory_end();
	if (c == NULL)
		c = shown_in(chain_of(&intermediate), made);
	memory_fail_after(step == JUDGING ? before : UINT_MAX);
	bool named = has_name(c, NOW);
	failed[JUDGING] = memory_end();
	cr_assert(named || failed[JUDGING]);
	cr_assert(has_name(c, NOW), "in step %d, behind %u allocations", step, before);
	client_certificate_free(c);
	return failed[step];
}

Test(client_certificate, a_lack_of_memory_is_no_verdict_that_stays)
{
	/* extensions are decoded early in a verification */
	static const unsigned strides[STEPS] = {7, 5, 31}, dense[STEPS] = {0, 0, 200};
	struct made below = make(&intermediate, "leaf", "clientAuth", END);
	BIO *out = BIO_new(BIO_s_mem());
	char *text = NULL;
	PEM_write_bio_X509(out, root.x509);
	long n = BIO_get_mem_data(out, &text);
	for (int step = 0; step < STEPS; step++)
		for (unsigned before = 0; fail_in((enum step)step, before, str_from(text, (size_t)n), &below);)
			before += before < dense[step] ? 1 : strides[step];
	BIO_free(out);
	unmake(&below);
}
