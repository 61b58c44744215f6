#include "harness/client_key.h"

#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "crypto/client_key.h"
#include "crypto/digest.h"
#include "crypto/jwt.h"
#include "crypto/signing_key_parts.h"
#include "harness/require.h"
#include "harness/sql.h"

#define FORM "application/x-www-form-urlencoded"
#define TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/* RSA keys are kept with the cluster that programs share, or else in this program's folder. */
static void rsa_path(unsigned number, char out[TMP_PATH])
{
	const char *folder = getenv("M2M_TEST_CLUSTER");
	int n = snprintf(out, TMP_PATH, "%s/rsa-%u.pem", folder == NULL ? tmp_dir() : folder, number);
	require(n < TMP_PATH, "%s is too long a name", folder);
}

static EVP_PKEY *read_rsa(const char *path)
{
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return NULL;
	EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	fclose(file);
	require(key != NULL, "%s has no key", path);
	return key;
}

/* Whole from its first moment: a test beside this one may read it. */
static void write_rsa(const char *path, const EVP_PKEY *key)
{
	char fresh[TMP_PATH + 16];
	snprintf(fresh, sizeof fresh, "%s.%d", path, (int)getpid());
	FILE *file = fopen(fresh, "we");
	require(file != NULL && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1, "can't write %s", fresh);
	require(fclose(file) == 0 && rename(fresh, path) == 0, "can't write %s", path);
}

static EVP_PKEY *rsa_kept(void)
{
	static unsigned count;
	char path[TMP_PATH];
	rsa_path(count++, path);
	EVP_PKEY *key = read_rsa(path);
	if (key != NULL)
		return key;
	key = EVP_RSA_gen(2048);
	require(key != NULL, "no RSA key");
	write_rsa(path, key);
	return key;
}

struct signing_key *key_new(enum jwt_alg alg)
{
	struct signing_key *key = NULL;
	if (alg == JWT_RS256 || alg == JWT_PS256)
		cr_assert_eq(signing_key_of_private(alg, rsa_kept(), &key), ERR_OK);
	else
		cr_assert_eq(signing_key_generate(alg, &key), ERR_OK);
	return key;
}

void client_key_make(struct client_key_pair *k, enum jwt_alg alg)
{
	struct client_key read;
	const char *why = "";
	struct arena *a = arena_new(65536);
	struct sbuf jwk = sbuf_fixed(k->jwk, sizeof k->jwk);
	cr_assert_eq(crypto_init(), ERR_OK);
	k->key = key_new(alg);
	cr_assert_eq(signing_key_public_jwk(k->key, &jwk), ERR_OK);
	cr_assert_eq(client_key_read(a, sbuf_str(&jwk), &read, &why), ERR_OK, "%s", why);
	memcpy(k->id, read.thumbprint_text, sizeof k->id);
	arena_free(a);
}

void client_key_add(struct world *w, const struct org *o, const struct client_key_pair *k)
{
	sql_exec(world_db(w), "update m2m.client set auth_methods = '{secret,key}' where client_id = '%s'", o->client_id);
	sql_exec(world_db(w),
		 "insert into m2m.client_credential (client_id, credential_id, kind, public_jwk) values ('%s', '%s', 'key', '%s')",
		 o->client_id, k->id, k->jwk);
}

void client_key_remove(struct world *w, const struct org *o, const struct client_key_pair *k)
{
	sql_exec(world_db(w),
		 "update m2m.client_credential set ended_at = clock_timestamp() where client_id = '%s' and credential_id = '%s' and "
		 "ended_at "
		 "is null",
		 o->client_id, k->id);
}

void client_assertion_sign(const struct client_key_pair *k, const char *claims, char out[TOKEN_MAX])
{
	struct sbuf text = sbuf_fixed(out, TOKEN_MAX);
	cr_assert_eq(jwt_sign(k->key, false, str_of(claims), &text), ERR_OK);
}

void client_assertion_new(const char *client_id, const struct client_key_pair *k, int seconds, char out[TOKEN_MAX])
{
	char claims[1024], jti[UUID_TEXT_LEN + 1] = "";
	uuid_format(uuid_v7(clock_wall_us()), jti);
	snprintf(claims, sizeof claims,
		 "{\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":\"https://issuer.test\",\"exp\":%lld,\"iat\":%lld,\"jti\":\"%.36s\"}", client_id,
		 client_id, (long long)time(NULL) + seconds, (long long)time(NULL), jti);
	client_assertion_sign(k, claims, out);
}

static const char *form_of(char *form, size_t cap, const char *assertion, const char *more)
{
	snprintf(form, cap, "grant_type=client_credentials&client_assertion_type=" TYPE "&client_assertion=%s%s", assertion, more);
	return form;
}

int assertion_token(uint16_t port, const char *assertion, const char *more, struct http_reply *r)
{
	char form[TOKEN_MAX + 1024];
	return http_call(port,
			 &(struct http_request){.path = "/oauth2/token", .type = FORM, .body = form_of(form, sizeof form, assertion, more)},
			 r);
}

int assertion_token_on(struct http_conn *c, const char *assertion, struct http_reply *r)
{
	char form[TOKEN_MAX + 1024];
	return http_call_on(
		c, &(struct http_request){.path = "/oauth2/token", .type = FORM, .body = form_of(form, sizeof form, assertion, "")}, r);
}
