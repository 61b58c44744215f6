/* The steps of a client that shows a certificate, in its handshake or by a proxy. What it is worth
 * is in tests/unit/crypto/test_client_certificate.c. */
#include <criterion/criterion.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "op/tls_client_auth.h"
#include "op_test.h"

static struct client_certificate *certificate, *expired;
static struct proxies proxies;
static struct remote client, proxy;

static struct client_certificate *certificate_until(int64_t end)
{
	struct client_certificate *ret = NULL;
	EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *x509 = X509_new();
	ASN1_TIME_set(X509_getm_notBefore(x509), NOW - 1000);
	ASN1_TIME_set(X509_getm_notAfter(x509), end);
	X509_set_pubkey(x509, pair);
	cr_assert_gt(X509_sign(x509, pair, EVP_sha256()), 0);
	cr_assert_eq(client_certificate_from_chain(x509, NULL, &ret), ERR_OK);
	X509_free(x509);
	EVP_PKEY_free(pair);
	return ret;
}

static void up(void)
{
	op_up();
	certificate = certificate_until(NOW + 1000);
	expired = certificate_until(NOW - 1);
	proxies = (struct proxies){.form = FORWARDED_X_FORWARDED_FOR, .local = true, .certificate_field = STR("Client-Cert")};
	proxy = remote_of(&proxies, &(struct ip){.n = 0});
	struct ip ip;
	cr_assert(ip_parse(STR("192.0.2.1"), &ip));
	client = remote_of(&proxies, &ip);
}

static void down(void)
{
	client_certificate_free(certificate);
	client_certificate_free(expired);
	op_down();
}

TestSuite(tls_client_auth, .init = up, .fini = down);

static struct op *asked(struct op_input in)
{
	struct op *op = new_op(OP_OAUTH_TOKEN);
	op->in = in;
	op->in.grant_type = STR("client_credentials");
	return op;
}

/* On a connection from `remote` with the certificate `c`; `field`: what that sends, or NULL. */
static struct op *note(struct op *op, const struct remote *remote, struct client_certificate *c, const char *field)
{
	struct forwarded caller;
	forwarded_begin(&caller, &proxies, remote);
	if (field != NULL)
		forwarded_note(&caller, STR("client-cert"), str_of(field));
	op_note_certificate(op, &caller, c);
	return op;
}

Test(tls_client_auth, a_client_id_beside_a_certificate_authenticates_with_it)
{
	struct op *op = note(asked((struct op_input){.client_id = STR(CLIENT)}), &client, certificate, NULL);
	op_run(op);
	cr_assert_eq(op->shown.auth_method, 's', "nobody vouches for its names");
	cr_assert(str_eq(op->shown.credentials, op->held.x5t));
	cr_assert_eq(op->issue.auth_method, 's');
	cr_assert(str_eq(op->issue.binding, op->held.x5t));
	cr_assert_null(op->issue.verifiers.p);
	cr_assert_null(op->issue.assertion.hash.p);
}

Test(tls_client_auth, a_secret_beside_a_certificate_is_a_secret)
{
	struct op *op =
		note(asked((struct op_input){.client_id = STR(CLIENT), .client_secret = secret_of("k2", 3)}), &client, certificate, NULL);
	op_run(op);
	cr_assert_eq(op->issue.auth_method, 'p');
	cr_assert_null(op->issue.credentials.p);
	cr_assert(str_eq(op->issue.binding, op->held.x5t));
}

Test(tls_client_auth, without_a_client_id_it_is_nobodys)
{
	struct op *op = note(asked((struct op_input){.client_id = STR_NONE}), &client, certificate, NULL);
	op_run(op);
	refused_unasked(op, ERR_INVALID_CLIENT);
}

Test(tls_client_auth, an_expired_one_is_refused_and_proves_nothing)
{
	struct op *op = note(asked((struct op_input){.client_id = STR(CLIENT)}), &client, expired, NULL);
	cr_assert_null(op->held.x5t.p);
	op_run(op);
	refused_unasked(op, ERR_INVALID_CLIENT);
	cr_assert_str_eq(op->err_detail, "The client certificate's time hasn't come, or is over.");
}

Test(tls_client_auth, a_proxys_own_certificate_is_no_clients)
{
	struct op *op = note(asked((struct op_input){.client_id = STR(CLIENT)}), &proxy, certificate, NULL);
	cr_assert_null(op->held.x5t.p);
	op_run(op);
	refused_unasked(op, ERR_INVALID_CLIENT);
}

Test(tls_client_auth, a_field_counts_from_a_trusted_proxy_alone)
{
	struct op *op = note(asked((struct op_input){.client_id = STR(CLIENT)}), &client, NULL, "nonsense");
	cr_assert_eq(op->err, ERR_OK);
	op = note(asked((struct op_input){.client_id = STR(CLIENT)}), &proxy, NULL, "nonsense");
	cr_assert_eq(op->err, ERR_INVALID_REQUEST);
	op_run(op);
	refused_unasked(op, ERR_INVALID_REQUEST);
}

Test(tls_client_auth, documents_for_anyone_ask_for_no_certificate)
{
	struct op *op = note(new_op(OP_JWKS), &proxy, NULL, "nonsense");
	cr_assert_eq(op->err, ERR_OK);
	op_run(op);
}
