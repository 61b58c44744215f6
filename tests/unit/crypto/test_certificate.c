/* Certificates that the test makes itself, and names as admins write them. */
#include <criterion/criterion.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/base64.h"
#include "crypto/certificate.h"
#include "crypto_test.h"

TestSuite(certificate, .init = crypto_up, .fini = crypto_down);

/* ---- making them ---- */

struct attribute {
	const char *type;
	int tag; /* MBSTRING_UTF8, V_ASN1_PRINTABLESTRING ... */
	const char *value;
	int set; /* -1: in the RDN of the one before */
};

static X509_NAME *name_of(const struct attribute *attributes, size_t n)
{
	X509_NAME *name = X509_NAME_new();

	for (size_t i = 0; i < n; i++) {
		ASN1_OBJECT *type = OBJ_txt2obj(attributes[i].type, 0);
		cr_assert_eq(X509_NAME_add_entry_by_OBJ(name, type, attributes[i].tag, (const uint8_t *)attributes[i].value, -1, -1,
							attributes[i].set),
			     1);
		ASN1_OBJECT_free(type);
	}
	return name;
}

#define NAME(...)                                                                                                                          \
	name_of((const struct attribute[]){__VA_ARGS__}, sizeof((const struct attribute[]){__VA_ARGS__}) / sizeof(struct attribute))
#define UTF8(type, value)                                                                                                                  \
	{                                                                                                                                  \
		type, MBSTRING_UTF8, value, 0                                                                                              \
	}

struct made {
	EVP_PKEY *key;
	X509 *x509;
	struct str der;
};

/* `names` is openssl.cnf's subjectAltName, or NULL. Takes `subject` over. Signed by `issuer`, or
 * by itself. */
static struct made made_by(const struct made *issuer, X509_NAME *subject, const char *names)
{
	struct made made = {.key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), .x509 = X509_new()};
	unsigned char *der = NULL;

	X509_set_version(made.x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(made.x509), 7);
	ASN1_TIME_set(X509_getm_notBefore(made.x509), 1700000000);
	ASN1_TIME_set(X509_getm_notAfter(made.x509), 4000000000);
	X509_set_subject_name(made.x509, subject);
	X509_set_issuer_name(made.x509, issuer == NULL ? subject : X509_get_subject_name(issuer->x509));
	X509_set_pubkey(made.x509, made.key);
	if (names != NULL) {
		X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
		cr_assert_not_null(extension);
		X509_add_ext(made.x509, extension, -1);
		X509_EXTENSION_free(extension);
	}
	cr_assert_gt(X509_sign(made.x509, issuer == NULL ? made.key : issuer->key, EVP_sha256()), 0);
	int n = i2d_X509(made.x509, &der);
	made.der = arena_copy(arena, str_from(der, (size_t)n));
	OPENSSL_free(der);
	X509_NAME_free(subject);
	return made;
}

static void unmake(struct made *made)
{
	EVP_PKEY_free(made->key);
	X509_free(made->x509);
}

static struct certificate *read(struct str der)
{
	struct certificate *c = NULL;

	cr_assert_eq(certificate_from_der(der, &c), ERR_OK);
	return c;
}

/* The names of that kind, joined by " | ". */
static const char *names_of(const struct made *made, enum certificate_name kind)
{
	struct certificate *c = read(made->der);
	struct sbuf out = sbuf_in(arena, 256);
	const struct str *names;
	size_t n;

	cr_assert_eq(certificate_names(c, kind, arena, &names, &n), ERR_OK);
	for (size_t i = 0; i < n; i++) {
		sbuf_putz(&out, i > 0 ? " | " : "");
		sbuf_put(&out, names[i]);
	}
	certificate_free(c);
	return out.n > 0 ? out.p : "";
}

static const char *canonical(enum certificate_name kind, const char *text)
{
	struct str ret = STR("untouched");
	enum err err = certificate_name_canonical(kind, str_of(text), arena, &ret);

	cr_assert((err == ERR_OK) != str_eq(ret, STR("untouched")));
	return err == ERR_OK ? ret.p : err_info(err)->code;
}

/* ---- reading ---- */

static struct str pem_of(X509 *x509)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *p = NULL;

	cr_assert_eq(PEM_write_bio_X509(out, x509), 1);
	long n = BIO_get_mem_data(out, &p);
	struct str text = arena_copy(arena, str_from(p, (size_t)n));
	BIO_free(out);
	return text;
}

Test(certificate, der_and_pem_give_the_same_thumbprint_of_the_der)
{
	struct made made = made_by(NULL, NAME(UTF8("CN", "a")), NULL);
	struct certificate *from_der = read(made.der), *from_pem = NULL;
	struct str text = arena_printf(arena, "subject=CN = a\n%.*strailing\n", STR_ARG(pem_of(made.x509)));
	uint8_t digest[SHA256_LEN];
	char wanted[THUMBPRINT_TEXT_LEN + 1] = {0};

	cr_assert_eq(certificate_from_pem(text, &from_pem), ERR_OK);
	cr_assert_eq(sha256(made.der.p, made.der.n, digest), ERR_OK);
	base64url_encode(wanted, digest, sizeof digest);
	cr_expect(str_eq(certificate_thumbprint(from_der), str_of(wanted)));
	cr_expect(str_eq(certificate_thumbprint(from_pem), str_of(wanted)));
	cr_expect_eq(certificate_not_before(from_der), 1700000000);
	cr_expect_eq(certificate_not_after(from_der), 4000000000);
	certificate_free(from_der);
	certificate_free(from_pem);
	unmake(&made);
}

/* RFC 8705 appendix A. */
Test(certificate, the_rfcs_certificate_has_the_rfcs_thumbprint)
{
	static const char pem[] = "-----BEGIN CERTIFICATE-----\n"
				  "MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAx\n"
				  "ODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqG\n"
				  "SM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ\n"
				  "/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwID\n"
				  "SQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOV\n"
				  "bUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=\n"
				  "-----END CERTIFICATE-----\n";
	struct certificate *c = NULL;

	cr_assert_eq(certificate_from_pem(str_of(pem), &c), ERR_OK);
	cr_expect(str_eq(certificate_thumbprint(c), STR("A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0")));
	cr_expect(certificate_is_self_signed(c));
	certificate_free(c);
}

Test(certificate, what_is_not_one_certificate_is_refused)
{
	struct made made = made_by(NULL, NAME(UTF8("CN", "a")), NULL);
	struct certificate *c = NULL;
	struct str pem = pem_of(made.x509);
	char *bytes = arena_alloc(arena, made.der.n + 1);

	memcpy(bytes, made.der.p, made.der.n);
	cr_expect_eq(certificate_from_der(str_from(bytes, made.der.n + 1), &c), ERR_MALFORMED, "a byte behind");
	for (size_t n = 0; n < made.der.n; n++)
		cr_expect_eq(certificate_from_der(str_from(bytes, n), &c), ERR_MALFORMED, "%zu bytes", n);
	cr_expect_eq(certificate_from_der(pem, &c), ERR_MALFORMED);
	cr_expect_eq(certificate_from_pem(made.der, &c), ERR_MALFORMED);
	cr_expect_eq(certificate_from_pem(arena_printf(arena, "%.*s%.*s", STR_ARG(pem), STR_ARG(pem)), &c), ERR_MALFORMED);
	cr_expect_eq(certificate_from_pem(STR(""), &c), ERR_MALFORMED);
	cr_expect_eq(certificate_from_pem(STR("-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"
					      "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
					      "AAAAAAAAAAAAAAAAAAAAAA==\n-----END CERTIFICATE-----\n"),
					  &c),
		     ERR_MALFORMED, "and no terminal is asked for a passphrase");
	cr_expect_null(c);
	unmake(&made);
}

Test(certificate, only_one_that_its_own_key_signed_is_self_signed)
{
	struct made ca = made_by(NULL, NAME(UTF8("CN", "ca")), NULL);
	struct made leaf = made_by(&ca, NAME(UTF8("CN", "leaf")), NULL);
	struct made namesake = made_by(&ca, NAME(UTF8("CN", "ca")), NULL); /* named as its issuer, by another key */
	const struct {
		struct str der;
		bool self;
	} cases[] = {{ca.der, true}, {leaf.der, false}, {namesake.der, false}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct certificate *c = read(cases[i].der);
		cr_expect_eq(certificate_is_self_signed(c), cases[i].self, "%zu", i);
		certificate_free(c);
	}
	unmake(&ca);
	unmake(&leaf);
	unmake(&namesake);
}

/* ---- names ---- */

Test(certificate, a_subject_is_written_as_rfc_4514_does)
{
	struct made made = made_by(
		NULL, NAME(UTF8("C", "DE"), UTF8("O", "Acme, Inc."), UTF8("OU", "Zahlungsverkehr \xc3\xa4"), UTF8("CN", "client #1")),
		NULL);
	struct certificate *c = read(made.der);
	struct str subject;

	cr_assert_eq(certificate_subject(c, arena, &subject), ERR_OK);
	cr_expect_str_eq(subject.p, "CN=client #1,OU=Zahlungsverkehr \xc3\xa4,O=Acme\\, Inc.,C=DE");
	cr_expect_str_eq(names_of(&made, CERTIFICATE_SUBJECT_DN), "CN=client #1,OU=zahlungsverkehr \xc3\xa4,O=acme\\, inc.,C=de");
	cr_expect_str_eq(canonical(CERTIFICATE_SUBJECT_DN, subject.p), names_of(&made, CERTIFICATE_SUBJECT_DN));
	certificate_free(c);
	unmake(&made);
}

/* What an admin pastes, beside the certificate it is of. */
Test(certificate, a_pasted_dn_meets_the_certificates)
{
	struct made made = made_by(NULL,
				   NAME({"DC", V_ASN1_IA5STRING, "example", 0}, {"O", V_ASN1_PRINTABLESTRING, "Acme  Corp", 0},
					{"CN", V_ASN1_BMPSTRING, "", 0}, UTF8("CN", " A+B "), {"UID", MBSTRING_UTF8, "u7", -1},
					{"emailAddress", V_ASN1_IA5STRING, "a@b.example", 0}, {"1.2.3.4", V_ASN1_UTF8STRING, "X", 0}),
				   NULL);
	static const char *const same[] = {
		"1.2.3.4=x,emailAddress=a@b.example,UID=u7+CN=A\\+B,CN=,O=Acme Corp,DC=example",
		"1.2.3.4=#0c0178,EMAILADDRESS=A@B.example,CN=a\\2bb+UID=U7,cn=,o=ACME CORP,dc=Example",
		"1.2.3.4=X, emailAddress=a@b.example, uid=u7 + cn=\\ A\\+B\\ , CN= , O=  acme    corp , DC=example",
	};
	const char *wanted = names_of(&made, CERTIFICATE_SUBJECT_DN);

	cr_expect_str_eq(wanted, "1.2.3.4=x,emailAddress=a@b.example,CN=a\\+b+UID=u7,CN=,O=acme corp,DC=example");
	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		cr_expect_str_eq(canonical(CERTIFICATE_SUBJECT_DN, same[i]), wanted, "%s", same[i]);
	unmake(&made);
}

/* X509_NAME_cmp is how OpenSSL itself compares. */
Test(certificate, two_subjects_are_one_where_openssl_says_so)
{
	struct made all[] = {
		made_by(NULL, NAME(UTF8("O", "Acme"), UTF8("CN", "a b")), NULL),
		made_by(NULL, NAME(UTF8("O", "ACME"), UTF8("CN", " A  B ")), NULL),
		made_by(NULL, NAME({"O", V_ASN1_PRINTABLESTRING, "Acme", 0}, {"CN", V_ASN1_T61STRING, "a b", 0}), NULL),
		made_by(NULL, NAME(UTF8("CN", "a b"), UTF8("O", "Acme")), NULL),
		made_by(NULL, NAME(UTF8("O", "Acme"), {"CN", MBSTRING_UTF8, "a b", -1}), NULL),
		made_by(NULL, NAME(UTF8("CN", "a b"), {"O", MBSTRING_UTF8, "Acme", -1}), NULL),
		made_by(NULL, NAME(UTF8("O", "Acme"), UTF8("CN", "ab")), NULL),
		made_by(NULL, NAME(UTF8("O", "Acme"), UTF8("OU", "a b")), NULL),
		made_by(NULL, NAME(UTF8("O", "Acme,CN=a b")), NULL),
		made_by(NULL, NAME(UTF8("O", "\xc3\x84")), NULL),
		made_by(NULL, NAME(UTF8("O", "\xc3\xa4")), NULL),
		made_by(NULL, NAME({"O", V_ASN1_T61STRING, "\xe4", 0}), NULL),
	};
	size_t n = sizeof all / sizeof *all;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			cr_expect_eq(strcmp(names_of(&all[i], CERTIFICATE_SUBJECT_DN), names_of(&all[j], CERTIFICATE_SUBJECT_DN)) == 0,
				     X509_NAME_cmp(X509_get_subject_name(all[i].x509), X509_get_subject_name(all[j].x509)) == 0, "%zu %zu",
				     i, j);
	for (size_t i = 0; i < n; i++)
		unmake(&all[i]);
}

Test(certificate, a_text_that_is_no_dn_is_refused)
{
	static const char *const bad[] = {"",          " ",       "a",          "CN",           "=a",     "CN=a,",     ",CN=a",
					  "CN=a,,O=b", "CN=a+",   "CN=a;O=b",   "CN=\"a\"",     "CN=a\\", "CN=\\x",    "CN=#",
					  "CN=#0",     "CN=#zz",  "CN=#0c02a1", "CN=#0c0161ff", "CN=<a>", "Nothing=a", "CN=a\nb",
					  "CN=a\\00b", "CN=\xff", "C N=a",      "/CN=a/O=b"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_str_eq(canonical(CERTIFICATE_SUBJECT_DN, bad[i]), "malformed", "%s", bad[i]);
}

Test(certificate, alternative_names_are_given_by_their_kind)
{
	struct made made = made_by(NULL, NAME(UTF8("CN", "ignored.example")),
				   "DNS:Api.Example,DNS:b.example,DNS:*.example,URI:spiffe://Td.example/Wl,IP:192.0.2.7,IP:2001:DB8::1,"
				   "email:Ops@Example.COM,RID:1.2.3");

	cr_expect_str_eq(names_of(&made, CERTIFICATE_SAN_DNS), "api.example | b.example");
	cr_expect_str_eq(names_of(&made, CERTIFICATE_SAN_URI), "spiffe://Td.example/Wl");
	cr_expect_str_eq(names_of(&made, CERTIFICATE_SAN_IP), "192.0.2.7 | 2001:db8::1");
	cr_expect_str_eq(names_of(&made, CERTIFICATE_SAN_EMAIL), "Ops@example.com");
	unmake(&made);
}

Test(certificate, one_without_names_has_none)
{
	struct made made = made_by(NULL, X509_NAME_new(), NULL);

	for (enum certificate_name kind = 0; kind < CERTIFICATE_NAME_COUNT; kind++)
		cr_expect_str_eq(names_of(&made, kind), "");
	struct certificate *c = read(made.der);
	struct str subject;
	cr_assert_eq(certificate_subject(c, arena, &subject), ERR_OK);
	cr_expect_str_eq(subject.p, "");
	certificate_free(c);
	unmake(&made);
}

Test(certificate, more_names_than_a_client_needs_are_refused)
{
	for (int n = CERTIFICATE_NAMES_MAX; n <= CERTIFICATE_NAMES_MAX + 1; n++) {
		struct sbuf names = sbuf_in(arena, 4096);
		for (int i = 0; i < n; i++)
			sbuf_printf(&names, "%sDNS:%d.example", i > 0 ? "," : "", i);
		struct made made = made_by(NULL, NAME(UTF8("CN", "a")), names.p);
		struct certificate *c = read(made.der);
		const struct str *ret;
		size_t ret_n;
		cr_expect_eq(certificate_names(c, CERTIFICATE_SAN_DNS, arena, &ret, &ret_n),
			     n == CERTIFICATE_NAMES_MAX ? ERR_OK : ERR_TOO_LARGE);
		certificate_free(c);
		unmake(&made);
	}
}

/* What a certification authority that checks little might sign: "good.example\0.evil.example". */
Test(certificate, a_name_with_a_nul_is_no_name)
{
	struct made made = {.key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), .x509 = X509_new()};
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	static const int types[] = {GEN_DNS, GEN_URI, GEN_EMAIL};
	unsigned char *der = NULL;

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		GENERAL_NAME *name = GENERAL_NAME_new();
		ASN1_IA5STRING *text = ASN1_IA5STRING_new();
		ASN1_STRING_set(text, "a:good@x.example\0.evil.example", 30);
		GENERAL_NAME_set0_value(name, types[i], text);
		sk_GENERAL_NAME_push(names, name);
	}
	ASN1_TIME_set(X509_getm_notBefore(made.x509), 1700000000);
	ASN1_TIME_set(X509_getm_notAfter(made.x509), 4000000000);
	X509_set_version(made.x509, X509_VERSION_3);
	X509_set_pubkey(made.x509, made.key);
	X509_add1_ext_i2d(made.x509, NID_subject_alt_name, names, 0, 0);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(made.x509), "CN", MBSTRING_UTF8, (const uint8_t *)"good\0evil", 9, -1, 0);
	X509_sign(made.x509, made.key, EVP_sha256());
	int n = i2d_X509(made.x509, &der);
	made.der = str_from(der, (size_t)n);
	for (enum certificate_name kind = 0; kind < CERTIFICATE_NAME_COUNT; kind++)
		cr_expect_str_eq(names_of(&made, kind), "", "%s", certificate_name_parameter(kind));
	GENERAL_NAMES_free(names);
	OPENSSL_free(der);
	unmake(&made);
}

Test(certificate, a_registered_name_has_one_spelling)
{
	static const struct {
		enum certificate_name kind;
		const char *text, *wanted;
	} cases[] = {
		{CERTIFICATE_SAN_DNS, "Api.Example", "api.example"},
		{CERTIFICATE_SAN_DNS, "a_b-c.example", "a_b-c.example"},
		{CERTIFICATE_SAN_DNS, "", "malformed"},
		{CERTIFICATE_SAN_DNS, "*.example", "malformed"},
		{CERTIFICATE_SAN_DNS, "a b", "malformed"},
		{CERTIFICATE_SAN_DNS, "\xc3\xa4.example", "malformed"},
		{CERTIFICATE_SAN_URI, "spiffe://Td.example/Wl", "spiffe://Td.example/Wl"},
		{CERTIFICATE_SAN_URI, "urn:x:1", "urn:x:1"},
		{CERTIFICATE_SAN_URI, "no-scheme", "malformed"},
		{CERTIFICATE_SAN_URI, "spiffe://a b", "malformed"},
		{CERTIFICATE_SAN_IP, "192.0.2.7", "192.0.2.7"},
		{CERTIFICATE_SAN_IP, "2001:0DB8:0::1", "2001:db8::1"},
		{CERTIFICATE_SAN_IP, "192.0.2", "malformed"},
		{CERTIFICATE_SAN_IP, "192.0.2.7/32", "malformed"},
		{CERTIFICATE_SAN_IP, "192.0.2.07x", "malformed"},
		{CERTIFICATE_SAN_IP, "", "malformed"},
		{CERTIFICATE_SAN_EMAIL, "Ops@Example.COM", "Ops@example.com"},
		{CERTIFICATE_SAN_EMAIL, "\"a@b\"@Example", "\"a@b\"@example"},
		{CERTIFICATE_SAN_EMAIL, "ops", "malformed"},
		{CERTIFICATE_SAN_EMAIL, "@example", "malformed"},
		{CERTIFICATE_SAN_EMAIL, "ops@", "malformed"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_expect_str_eq(canonical(cases[i].kind, cases[i].text), cases[i].wanted, "%s", cases[i].text);
	cr_expect_str_eq(certificate_name_parameter(CERTIFICATE_SUBJECT_DN), "tls_client_auth_subject_dn");
	cr_expect_str_eq(certificate_name_parameter(CERTIFICATE_SAN_EMAIL), "tls_client_auth_san_email");
}

/* ---- Client-Cert ---- */

Test(certificate, a_client_cert_field_is_one_byte_sequence)
{
	static const char *const bad[] = {"",       ":",       "::",       "AAAA",           ":AAAA",    "AAAA:",    ":AAA:",  ":AAA=B:",
					  ":AA-_:", ":AA AA:", ":AAAA:;a", ":AAAA:, :AAAA:", "\"AAAA\"", "\t:AAAA:", ":AAB=:", ": AAAA:"};
	struct str der = STR("untouched");

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		cr_expect_eq(certificate_field_decode(str_of(bad[i]), arena, &der), ERR_MALFORMED, "%s", bad[i]);
		cr_expect(str_eq(der, STR("untouched")));
	}
	cr_expect_eq(certificate_field_decode(STR(":AAEC:"), arena, &der), ERR_OK);
	cr_expect(str_eq(der, STR("\0\1\2")));
	cr_expect_eq(certificate_field_decode(STR("  :AAE=: "), arena, &der), ERR_OK);
	cr_expect(str_eq(der, STR("\0\1")));
}

Test(certificate, a_client_cert_field_of_any_length_is_bounded)
{
	struct sbuf value = sbuf_in(arena, 32768);
	struct str der;

	sbuf_putc(&value, ':');
	while (value.n < 1 + (CERTIFICATE_DER_MAX + 2) / 3 * 4)
		sbuf_putz(&value, "AAAA");
	struct str fits = arena_printf(arena, "%.*s:", STR_ARG(sbuf_str(&value)));
	struct str over = arena_printf(arena, "%.*sAAAA:", STR_ARG(sbuf_str(&value)));
	cr_expect_eq(certificate_field_decode(fits, arena, &der), ERR_OK);
	cr_expect_eq(certificate_field_decode(over, arena, &der), ERR_TOO_LARGE);
}
