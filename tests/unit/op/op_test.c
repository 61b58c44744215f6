#include "op_test.h"

#include <criterion/criterion.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/log.h"
#include "crypto/jwt.h"
#include "crypto/key_wrap.h"
#include "crypto/signing_key_parts.h"
#include "fakes/fake_clock.h"
#include "harness/jws.h"
#include "op/shown_memo.h"

struct arena *arena;
struct store store;
struct config config;
struct op_env env;
struct op_counters counters;
struct signing_key *key;
unsigned replies;

static struct op *present;
static int log_file;

/* A transport's, as far as these tests look at it. */
static int shown_status(const struct op *op)
{
	return err_info(op->err)->http;
}

void op_up(void)
{
	static const struct str master_keys = STR("k2: ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n"
						  "k1: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
	cr_assert_eq(crypto_init(), ERR_OK);
	arena = arena_new(1 << 20);
	log_file = memfd_create("log", 0);
	cr_assert(arena != NULL && log_file >= 0);
	log_set_fd(log_file);
	fake_clock_set_wall_us(NOW * 1000000);
	cr_assert_eq(master_ring_parse(master_keys, &config.ring, NULL), ERR_OK);
	config.issuer = STR(ISSUER);
	config.jwks_max_age_s = 300;
	config.request_timeout_ms = 5000;
	cr_assert_eq(signing_key_generate(JWT_ES256, &key), ERR_OK);
	store = (struct store){.keys = keyset_of(key, 1)};
	env = (struct op_env){.config = &config,
			      .store = &store,
			      .memo = bearer_memo_new(),
			      .shown = shown_memo_new(),
			      .client_keys = client_key_memo_new(),
			      .certificates = certificate_memo_new(),
			      .hasher = hasher_new(),
			      .counters = &counters,
			      .status = shown_status};
	cr_assert_eq(verifier_ring_new(&config.ring, &env.verifiers), ERR_OK);
	replies = 0;
}

void op_down(void)
{
	op_free(present);
	bearer_memo_free(env.memo);
	shown_memo_free(env.shown);
	client_key_memo_free(env.client_keys);
	certificate_memo_free(env.certificates);
	hasher_free(env.hasher);
	verifier_ring_free(env.verifiers);
	op_env_clear(&env);
	keyset_free(store.keys);
	signing_key_free(key);
	arena_free(arena);
	close(log_file);
	crypto_fini();
}

struct keyset *keyset_of(struct signing_key *k, uint64_t generation)
{
	struct keyset_row row = {
		.kid = signing_key_kid(k), .alg = str_of(jwt_alg_name(signing_key_alg(k))), .wrap_key_id = STR("k2"), .current = true};
	struct sbuf jwk = sbuf_in(arena, 1024);
	struct str der;
	struct keyset *set = NULL;
	cr_assert_eq(signing_key_public_jwk(k, &jwk), ERR_OK);
	row.public_jwk = sbuf_str(&jwk);
	cr_assert_eq(signing_key_to_der(k, arena, &der), ERR_OK);
	cr_assert_eq(key_wrap(arena, &config.ring.keys[0], row.kid, der, &row.wrapped), ERR_OK);
	struct keyset_fault fault;
	cr_assert_eq(keyset_build(&config.ring, SIGNING_SINGLE, &row, 1, generation, &set, &fault), ERR_OK);
	return set;
}

static void count_reply(struct op *op, void *transport)
{
	cr_assert_eq(transport, &replies);
	cr_assert(op->finished);
	replies++;
}

struct op *new_op(enum op_id id)
{
	op_free(present);
	present = op_new(&env, &op_specs[id], count_reply, &replies);
	cr_assert_not_null(present);
	replies = 0;
	op_set_request_id(present, STR("r-1"));
	present->origin.transport = 'r';
	present->origin.remote_addr = STR("192.0.2.7");
	return present;
}

struct op *run_with(enum op_id id, struct str bearer)
{
	struct op *op = new_op(id);
	op->in.bearer = bearer;
	store.calls = 0;
	store.waiting = FAKE_NONE;
	op_run(op);
	return op;
}

struct op *begin_rotation(struct op_input in)
{
	struct op *op = new_op(OP_ROTATE_SECRET);
	op->in = in;
	op->in.bearer = token_from(client_claims());
	op_run(op);
	cr_assert_eq(store.waiting, FAKE_ROTATE_BEGIN);
	return op;
}

void tell_version(int32_t version)
{
	struct credential c = credential_of("k1", version);
	fake_answer(&store, ERR_OK, &c);
}

struct claims client_claims(void)
{
	return (struct claims){.iss = "\"" ISSUER "\"",
			       .sub = "\"" CLIENT "\"",
			       .exp = "1767229200",
			       .client_id = "\"" CLIENT "\"",
			       .organization_id = "\"" ORGANIZATION "\"",
			       .secret_version = "3",
			       .secret_tag = "\"dGFnLW9m\""};
}

struct claims operator_claims(void)
{
	return (struct claims){.iss = "\"" ISSUER "\"",
			       .sub = "\"ops@example.com\"",
			       .exp = "1767229200",
			       .organization_id = "\"" ORGANIZATION "\"",
			       .roles = "[\"member\",\"admin\"]"};
}

struct str token_from(struct claims c)
{
	const struct {
		const char *name, *json;
	} members[] = {{"iss", c.iss},
		       {"sub", c.sub},
		       {"exp", c.exp},
		       {"nbf", c.nbf},
		       {"client_id", c.client_id},
		       {"organization_id", c.organization_id},
		       {"secret_version", c.secret_version},
		       {"secret_tag", c.secret_tag},
		       {"credential_tag", c.credential_tag},
		       {"iat", c.iat},
		       {"roles", c.roles},
		       {"jti", c.jti},
		       {"cnf", c.cnf}};
	struct sbuf json = sbuf_in(arena, 768);
	struct sbuf token = sbuf_in(arena, 1024);
	sbuf_putz(&json, "{\"aud\":\"public-api\"");
	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		if (members[i].json != NULL)
			sbuf_printf(&json, ",\"%s\":%s", members[i].name, members[i].json);
	sbuf_putc(&json, '}');
	cr_assert_eq(jwt_sign(key, false, sbuf_str(&json), &token), ERR_OK);
	return sbuf_str(&token);
}

struct str proof_by(struct signing_key *signer, const char *claims)
{
	struct sbuf jwk = sbuf_in(arena, 1024), out = sbuf_in(arena, 2048);
	cr_assert_eq(signing_key_public_jwk(signer, &jwk), ERR_OK);
	jws_put(&out, signer,
		arena_printf(arena, "{\"typ\":\"dpop+jwt\",\"alg\":\"%s\",\"jwk\":%s}", jwt_alg_name(signing_key_alg(signer)),
			     sbuf_str(&jwk).p),
		str_of(claims));
	return sbuf_str(&out);
}

static struct secret_params params_of(int32_t version)
{
	struct secret_params p = {.client_id = STR(CLIENT), .version = version, .salt = {1, 2, 3}};
	cr_assert_eq(uuid_parse(STR(ORGANIZATION), &p.organization_id), ERR_OK);
	return p;
}

struct str secret_of(const char *key_id, int32_t version)
{
	struct secret_params p = params_of(version);
	char *secret = arena_alloc(arena, SECRET_LEN);
	cr_assert_eq(secret_derive(master_ring_find(&config.ring, str_of(key_id)), &p, secret), ERR_OK);
	return str_from(secret, SECRET_LEN);
}

struct credential credential_of(const char *key_id, int32_t version)
{
	struct credential c = {
		.client_id = STR(CLIENT), .key_id = str_of(key_id), .params = params_of(version), .created_us = NOW * 1000000};
	uint8_t *verifier = arena_alloc(arena, SHA256_LEN);
	const struct master_key *master = master_ring_find(&config.ring, c.key_id);
	cr_assert_eq(secret_verifier(master, c.client_id, secret_of(key_id, version), verifier), ERR_OK);
	c.verifier = str_from(verifier, SHA256_LEN);
	return c;
}

const char *logged(void)
{
	static char text[16384];
	ssize_t n = pread(log_file, text, sizeof text - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

void answered(const struct op *op, enum err err)
{
	cr_assert_eq(op->err, err, "%s, not %s", err_info(op->err)->code, err_info(err)->code);
	cr_assert(op->finished);
	cr_assert_eq(replies, 1);
	cr_assert_eq(store.waiting, FAKE_NONE);
	cr_assert_gt(counters.outcomes[0][op->spec->id][err], 0);
	if (err != ERR_OK) {
		cr_assert_null(op->out.client_secret.p);
		cr_assert_null(op->out.access_token.p);
	}
}

void refused_unasked(const struct op *op, enum err err)
{
	answered(op, err);
	cr_assert_eq(store.calls, 0);
}

void tell_row(struct issue_request *r)
{
	r->secret_version = 3;
	r->secret_tag = STR("tag-of");
	r->issued_at = NOW;
	r->lifetime = 86400;
	cr_assert_eq(uuid_parse(STR(ORGANIZATION), &r->organization_id), ERR_OK);
	r->granted_scope = STR("api");
	r->granted_audience = STR("public-api");
}

/* ---- signatures that are verified together ---- */

static struct event_base *base;

void open_signatures(void)
{
	if (!group_verifier_works(SIGNING_MULTI_BUFFER))
		cr_skip_test("no libcrypto_mb here");
	base = event_base_new();
	env.signatures = signature_queue_new(base, SIGNING_MULTI_BUFFER);
	cr_assert_not_null(env.signatures);
}

void end_turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

void close_signatures(void)
{
	signature_queue_free(env.signatures);
	env.signatures = NULL;
	event_base_free(base);
}
