#include "harness/dpop.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/sbuf.h"
#include "base/uuid.h"
#include "crypto/dpop.h"
#include "crypto/signing_key_parts.h"
#include "harness/jws.h"

#define FORM "application/x-www-form-urlencoded"

void proof_sign(const struct client_key_pair *k, const char *header, const char *claims, char out[TOKEN_MAX])
{
	struct sbuf text = sbuf_fixed(out, TOKEN_MAX);
	jws_put(&text, k->key, str_of(header), str_of(claims));
	cr_assert(sbuf_str(&text).p != NULL);
}

static void put_text(char *out, size_t cap, const char *name, const char *value)
{
	if (value != NULL)
		snprintf(out + strlen(out), cap - strlen(out), ",\"%s\":\"%s\"", name, value);
}

void proof_new(const struct client_key_pair *k, const struct proof *p, char out[TOKEN_MAX])
{
	char header[3072], claims[2048], jti[UUID_TEXT_LEN + 1] = "", ath[THUMBPRINT_TEXT_LEN + 1] = "";
	uuid_format(uuid_v7(clock_wall_us()), jti);
	snprintf(header, sizeof header, "{\"typ\":\"dpop+jwt\",\"alg\":\"%s\",\"jwk\":%s}", jwt_alg_name(signing_key_alg(k->key)), k->jwk);
	snprintf(claims, sizeof claims, "{\"iat\":%lld", (long long)time(NULL) - p->age);
	put_text(claims, sizeof claims, "jti", p->jti != NULL ? p->jti : jti);
	put_text(claims, sizeof claims, "htm", p->method);
	put_text(claims, sizeof claims, "htu", p->url);
	put_text(claims, sizeof claims, "nonce", p->nonce);
	if (p->token != NULL)
		cr_assert_eq(dpop_ath(str_of(p->token), ath), ERR_OK);
	put_text(claims, sizeof claims, "ath", p->token == NULL ? NULL : ath);
	snprintf(claims + strlen(claims), sizeof claims - strlen(claims), "%s}", p->more == NULL ? "" : p->more);
	proof_sign(k, header, claims, out);
}

void proof_for_token(const struct client_key_pair *k, char out[TOKEN_MAX])
{
	proof_new(k, &(struct proof){.method = "POST", .url = DPOP_URL "/oauth2/token"}, out);
}

/* A line, or NULL. */
static const char *field(char *line, size_t cap, const char *proof)
{
	snprintf(line, cap, "DPoP: %s\r\n", proof == NULL ? "" : proof);
	return proof == NULL ? NULL : line;
}

int token_with_proof_on(struct http_conn *c, const struct org *o, const char *proof, struct http_reply *r)
{
	char line[TOKEN_MAX + 16], form[512];
	snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", o->client_id, o->secret);
	return http_call_on(
		c, &(struct http_request){.path = "/oauth2/token", .type = FORM, .body = form, .headers = field(line, sizeof line, proof)},
		r);
}

int token_with_proof(uint16_t port, const struct org *o, const char *proof, struct http_reply *r)
{
	static _Thread_local struct http_conn c;
	if (!http_open(&c, port))
		return 0;
	int status = token_with_proof_on(&c, o, proof, r);
	http_close(&c);
	return status;
}

int call_with_proof(uint16_t port, const char *path, const char *body, const char *scheme, const char *token, const char *proof,
		    struct http_reply *r)
{
	char headers[2 * TOKEN_MAX + 64], line[TOKEN_MAX + 16];
	const char *more = field(line, sizeof line, proof);
	snprintf(headers, sizeof headers, "Authorization: %s %s\r\n%s", scheme, token, more == NULL ? "" : more);
	return http_call(
		port,
		&(struct http_request){.path = path, .type = body == NULL ? NULL : "application/json", .body = body, .headers = headers},
		r);
}

void bound_token(const struct world *w, const struct org *o, const struct client_key_pair *k, char out[TOKEN_MAX])
{
	static struct http_reply r;
	char proof[TOKEN_MAX];
	proof_for_token(k, proof);
	cr_assert_eq(token_with_proof(w->gateway.http, o, proof, &r), 200, "%s", r.body);
	body_text(&r, "access_token", out, TOKEN_MAX);
}
