/* What a request's DPoP field comes to: a key for the token that is asked for, or the right of a
 * bound bearer. What the proof itself must say is in test_dpop_proof.c. */
#include <criterion/criterion.h>
#include <event2/event.h>

#include "crypto/client_key.h"
#include "fakes/fake_clock.h"
#include "fakes/private_key.h"
#include "op_test.h"

static struct signing_key *holder, *stranger;
static char jkt[THUMBPRINT_TEXT_LEN + 1], bound_to[64];

static void up(void)
{
	struct client_key read;
	const char *why = "";
	op_up();
	config.public_url = STR(ISSUER);
	cr_assert_eq(signing_key_generate(JWT_ES256, &holder), ERR_OK);
	stranger = private_key(JWT_RS256);
	struct sbuf jwk = sbuf_in(arena, 1024);
	cr_assert_eq(signing_key_public_jwk(holder, &jwk), ERR_OK);
	cr_assert_eq(client_key_read(arena, sbuf_str(&jwk), &read, &why), ERR_OK, "%s", why);
	memcpy(jkt, read.thumbprint_text, sizeof jkt);
	snprintf(bound_to, sizeof bound_to, "jkt:%s", jkt);
}

static void down(void)
{
	dpop_nonces_free(env.nonces);
	signing_key_free(holder);
	signing_key_free(stranger);
	op_down();
}

TestSuite(dpop_request, .init = up, .fini = down);

static struct str hash_of(const char *jti)
{
	uint8_t *hash = arena_alloc(arena, USED_ONCE_LEN);
	cr_assert_eq(used_once_make(env.hasher, USED_ONCE_DPOP_PROOF, str_of(jkt), str_of(jti), hash), ERR_OK);
	return str_from(hash, USED_ONCE_LEN);
}

static struct str proof_for(struct signing_key *signer, const char *method, const char *path, const char *more)
{
	return proof_by(signer, arena_printf(arena, "{\"htm\":\"%s\",\"htu\":\"" ISSUER "%s\",\"iat\":%lld,\"jti\":\"j\"%s}", method, path,
					     (long long)NOW, more)
					.p);
}

/* ---- at the token endpoint ---- */

static struct op *ask(struct str proof)
{
	struct op *op = new_op(OP_OAUTH_TOKEN);
	op->in = (struct op_input){.grant_type = STR("client_credentials"),
				   .client_id = STR(CLIENT),
				   .client_secret = secret_of("k2", 3),
				   .dpop = proof,
				   .path = STR("/oauth2/token")};
	store.waiting = FAKE_NONE;
	op_run(op);
	return op;
}

static void grant(const char *binding)
{
	tell_row(store.request);
	store.request->key = keyset_current(store.keys);
	store.request->bound_to = str_of(binding);
	fake_issue(&store, ERR_OK);
}

Test(dpop_request, a_proof_waits_for_the_turn_s_end_and_is_then_as_good)
{
	open_signatures();
	struct op *op = ask(proof_for(holder, "POST", "/oauth2/token", ""));
	cr_assert_eq(store.waiting, FAKE_NONE);
	end_turn();
	cr_assert_eq(store.waiting, FAKE_ISSUE, "%s", op->err_detail);
	cr_assert(str_eq(op->held.jkt, str_of(bound_to)) && str_eq(op->held.proof.hash, hash_of("j")));
	close_signatures();
}

Test(dpop_request, a_forged_or_foreign_proof_is_refused_after_the_wait_in_the_same_words)
{
	struct str good = proof_for(holder, "POST", "/oauth2/token", "");
	char *forged = arena_alloc(arena, good.n);
	memcpy(forged, good.p, good.n);
	forged[good.n - 10] = forged[good.n - 10] == 'A' ? 'B' : 'A';
	const struct {
		struct str proof;
		const char *why;
	} cases[] = {
		{str_from(forged, good.n), "The proof's signature isn't of its jwk, or the jwk is no public key for its alg."},
		{proof_for(holder, "GET", "/oauth2/token", ""),
		 "The proof's htm must be the method of this request (RFC 9449 section 4.3)."},
	};
	open_signatures();
	for (size_t i = 0; i < 2; i++) {
		struct op *op = ask(cases[i].proof);
		cr_assert_not(op->finished);
		end_turn();
		answered(op, ERR_INVALID_DPOP_PROOF);
		cr_assert_str_eq(op->err_detail, cases[i].why);
	}
	close_signatures();
}

Test(dpop_request, the_statement_gets_the_key_and_what_it_has_to_spend)
{
	struct op *op = ask(proof_for(holder, "POST", "/oauth2/token", ""));
	cr_assert_eq(store.waiting, FAKE_ISSUE, "%s", op->err_detail);
	cr_expect(str_eq(store.request->binding, str_of(bound_to)));
	cr_expect(str_eq(store.request->proof.hash, hash_of("j")));
	cr_expect_eq(store.request->proof.until, NOW + 61);
	cr_expect(store.request->fapi2);
	grant(bound_to);
	answered(op, ERR_OK);
	cr_expect(op->out.token_needs_proof);
}

Test(dpop_request, a_token_that_the_statement_did_not_bind_is_a_bearer_s)
{
	struct op *op = ask(proof_for(holder, "POST", "/oauth2/token", ""));
	grant(NULL);
	answered(op, ERR_OK);
	cr_expect_not(op->out.token_needs_proof);
}

Test(dpop_request, without_a_proof_nothing_is_spent_or_bound)
{
	ask(STR_NONE);
	cr_assert_eq(store.waiting, FAKE_ISSUE);
	cr_expect(store.request->binding.p == NULL && store.request->proof.hash.p == NULL);
}

Test(dpop_request, rs256_matters_to_fapi2_alone)
{
	ask(proof_for(stranger, "POST", "/oauth2/token", ""));
	cr_assert_eq(store.waiting, FAKE_ISSUE);
	cr_expect_not(store.request->fapi2);
	struct op *op = ask(proof_for(stranger, "POST", "/oauth2/token", ""));
	tell_row(store.request);
	fake_issue(&store, ERR_PROFILE_VIOLATED);
	answered(op, ERR_INVALID_DPOP_PROOF);
	cr_expect_str_eq(op->err_detail, "The proof's alg must be PS256, ES256 or EdDSA (FAPI 2.0 section 5.4.1).");
}

Test(dpop_request, a_proof_that_fails_asks_nobody)
{
	refused_unasked(ask(proof_for(holder, "GET", "/oauth2/token", "")), ERR_INVALID_DPOP_PROOF);
	refused_unasked(ask(STR("")), ERR_INVALID_DPOP_PROOF);
}

Test(dpop_request, a_nonce_comes_with_every_answer_to_a_proof)
{
	cr_assert_eq(dpop_nonces_new(&config.ring, 60, &env.nonces), ERR_OK);
	struct op *op = ask(proof_for(holder, "POST", "/oauth2/token", ""));
	refused_unasked(op, ERR_USE_DPOP_NONCE);
	struct str nonce = arena_copy(arena, op->dpop_nonce);
	cr_assert_eq(nonce.n, DPOP_NONCE_LEN);
	op = ask(proof_for(holder, "POST", "/oauth2/token", arena_printf(arena, ",\"nonce\":\"%s\"", nonce.p).p));
	cr_assert_eq(store.waiting, FAKE_ISSUE, "%s", op->err_detail);
	cr_expect(str_eq(op->dpop_nonce, nonce));
	op = ask(STR_NONE);
	cr_expect_null(op->dpop_nonce.p);
}

/* ---- a bound bearer ---- */

static struct str bound_bearer(void)
{
	struct claims c = client_claims();
	c.cnf = arena_printf(arena, "{\"jkt\":\"%s\"}", jkt).p;
	return token_from(c);
}

static struct op *call(struct str bearer, bool scheme, struct signing_key *signer, const char *more)
{
	struct op *op = new_op(OP_GET_CLIENT_ID);
	char ath[THUMBPRINT_TEXT_LEN + 1];
	cr_assert_eq(dpop_ath(bearer, ath), ERR_OK);
	op->in.bearer = bearer;
	op->in.dpop_scheme = scheme;
	if (signer != NULL) {
		op->in.path = STR("/m2m/client-id");
		op->in.dpop =
			proof_for(signer, "GET", "/m2m/client-id", more != NULL ? more : arena_printf(arena, ",\"ath\":\"%s\"", ath).p);
	}
	store.calls = 0;
	store.waiting = FAKE_NONE;
	op_run(op);
	return op;
}

Test(dpop_request, a_bearer_s_proof_is_spent_before_anything_is_read)
{
	struct str bearer = bound_bearer();
	for (int sight = 0; sight < 2; sight++) { /* the second time the worker knows the token */
		struct op *op = call(bearer, true, holder, NULL);
		cr_assert_eq(store.waiting, FAKE_USED_ONCE, "%s", op->err_detail);
		cr_expect(str_eq(store.once.hash, hash_of("j")));
		cr_expect_eq(store.once.until, NOW + 61);
		fake_used_once(&store, ERR_OK);
		cr_expect_eq(store.waiting, FAKE_READ_CLIENT_ID);
		cr_expect_eq(store.calls, 2U);
	}
}

Test(dpop_request, what_is_not_spent_opens_nothing)
{
	static const enum err errs[] = {ERR_PROOF_REPLAYED, ERR_INVALID_DPOP_PROOF, ERR_STORE_UNAVAILABLE};
	for (size_t i = 0; i < sizeof errs / sizeof *errs; i++) {
		struct op *op = call(bound_bearer(), true, holder, NULL);
		fake_used_once(&store, errs[i]);
		answered(op, errs[i]);
		cr_expect_eq(store.calls, 1U);
	}
	store.refuse = ERR_OVERLOADED;
	refused_unasked(call(bound_bearer(), true, holder, NULL), ERR_OVERLOADED);
}

Test(dpop_request, whoever_does_not_hold_the_key_is_refused_unasked)
{
	struct str bearer = bound_bearer();
	refused_unasked(call(bearer, false, NULL, NULL), ERR_INVALID_TOKEN);
	refused_unasked(call(bearer, false, holder, NULL), ERR_INVALID_TOKEN);
	refused_unasked(call(bearer, true, NULL, NULL), ERR_INVALID_DPOP_PROOF);
	refused_unasked(call(bearer, true, holder, ""), ERR_INVALID_DPOP_PROOF);
	refused_unasked(call(bearer, true, stranger, NULL), ERR_INVALID_TOKEN);
}

/* The key is the token's: it is the algorithm that is refused. */
Test(dpop_request, an_installation_of_fapi2_takes_no_bearer_s_rs256)
{
	struct claims c = client_claims();
	struct client_key read;
	const char *why = "";
	struct sbuf jwk = sbuf_in(arena, 2048);
	cr_assert_eq(signing_key_public_jwk(stranger, &jwk), ERR_OK);
	cr_assert_eq(client_key_read(arena, sbuf_str(&jwk), &read, &why), ERR_OK, "%s", why);
	c.cnf = arena_printf(arena, "{\"jkt\":\"%s\"}", read.thumbprint_text).p;
	call(token_from(c), true, stranger, NULL);
	cr_assert_eq(store.waiting, FAKE_USED_ONCE);
	config.fapi2 = true;
	refused_unasked(call(token_from(c), true, stranger, NULL), ERR_INVALID_DPOP_PROOF);
	config.fapi2 = false;
}

Test(dpop_request, over_grpc_no_proof_is_taken)
{
	struct op *op = new_op(OP_GET_CLIENT_ID);
	op->origin.transport = 'g';
	op->in.bearer = bound_bearer();
	op_run(op);
	cr_assert_eq(op->err, ERR_INVALID_TOKEN);
	cr_expect_str_eq(op->err_detail, "The access token is bound to a DPoP key, and DPoP is taken over REST only.");
}

Test(dpop_request, an_unbound_bearer_has_the_scheme_bearer_and_spends_nothing)
{
	struct str bearer = token_from(client_claims());
	refused_unasked(call(bearer, true, holder, NULL), ERR_INVALID_TOKEN);
	call(bearer, false, NULL, NULL);
	cr_expect_eq(store.waiting, FAKE_READ_CLIENT_ID);
}

Test(dpop_request, the_bearer_s_proof_is_not_the_grant_s)
{
	struct claims c = operator_claims();
	char ath[THUMBPRINT_TEXT_LEN + 1];
	c.cnf = arena_printf(arena, "{\"jkt\":\"%s\"}", jkt).p;
	struct op *op = new_op(OP_ISSUE_TOKEN);
	op->in = (struct op_input){.bearer = token_from(c),
				   .dpop_scheme = true,
				   .path = STR("/m2m/token"),
				   .grant_type = STR("client_credentials"),
				   .client_id = STR(CLIENT),
				   .client_secret = secret_of("k2", 3)};
	cr_assert_eq(dpop_ath(op->in.bearer, ath), ERR_OK);
	op->in.dpop = proof_for(holder, "POST", "/m2m/token", arena_printf(arena, ",\"ath\":\"%s\"", ath).p);
	op_run(op);
	fake_used_once(&store, ERR_OK);
	cr_assert_eq(store.waiting, FAKE_ISSUE, "%s", op->err_detail);
	cr_expect(store.request->binding.p == NULL && store.request->proof.hash.p == NULL);
	grant(NULL);
	answered(op, ERR_OK);
}
