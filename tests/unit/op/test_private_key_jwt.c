/* The steps of a client that shows an assertion. What the assertion itself must say is in
 * test_client_assertion.c. */
#include <criterion/criterion.h>
#include <event2/event.h>

#include "crypto/client_key.h"
#include "crypto/jwt.h"
#include "fakes/private_key.h"
#include "op_test.h"

#define TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

static struct signing_key *client_key, *other_key;
static struct client_jwk row;

static struct client_jwk row_of(struct signing_key *k)
{
	struct client_key read;
	const char *why = "";
	struct sbuf jwk = sbuf_in(arena, 1024);
	cr_assert_eq(signing_key_public_jwk(k, &jwk), ERR_OK);
	cr_assert_eq(client_key_read(arena, sbuf_str(&jwk), &read, &why), ERR_OK, "%s", why);
	return (struct client_jwk){.credential_id = arena_copy(arena, str_of(read.thumbprint_text)), .jwk = sbuf_str(&jwk)};
}

static void up(void)
{
	op_up();
	config.assertion_lifetime_s = 300;
	cr_assert_eq(signing_key_generate(JWT_ES256, &client_key), ERR_OK);
	cr_assert_eq(signing_key_generate(JWT_ES256, &other_key), ERR_OK);
	row = row_of(client_key);
}

static void down(void)
{
	signing_key_free(client_key);
	signing_key_free(other_key);
	op_down();
}

TestSuite(private_key_jwt, .init = up, .fini = down);

static struct str signed_by(struct signing_key *k, const char *jti)
{
	struct sbuf claims = sbuf_in(arena, 512), token = sbuf_in(arena, 1024);
	sbuf_printf(&claims, "{\"iss\":\"" CLIENT "\",\"sub\":\"" CLIENT "\",\"aud\":\"" ISSUER "\",\"exp\":%lld,\"jti\":\"%s\"}",
		    (long long)NOW + 60, jti);
	cr_assert_eq(jwt_sign(k, false, sbuf_str(&claims), &token), ERR_OK);
	return sbuf_str(&token);
}

static struct op *show(struct str assertion)
{
	struct op *op = new_op(OP_OAUTH_TOKEN);
	op->in = (struct op_input){
		.grant_type = STR("client_credentials"), .client_assertion = assertion, .client_assertion_type = STR(TYPE)};
	op_run(op);
	return op;
}

static void expect_issue(const struct op *op)
{
	cr_assert_eq(store.waiting, FAKE_ISSUE, "%s", op->err_detail);
	cr_expect(str_eq(store.request->client_id, STR(CLIENT)) && str_eq(store.request->credentials, row.credential_id));
	cr_expect(store.request->verifiers.p == NULL && store.request->assertion.hash.n == 16);
	cr_expect_eq(store.request->auth_method, 'k');
	cr_expect_eq(store.request->assertion.until, NOW + 60 + 30, "exp and the leeway");
}

static void answer_issue(enum err err)
{
	tell_row(store.request);
	store.request->key = keyset_current(store.keys);
	fake_issue(&store, err);
}

Test(private_key_jwt, keys_are_asked_for_once)
{
	struct op *op = show(signed_by(client_key, "a"));
	cr_assert_eq(store.waiting, FAKE_CLIENT_JWKS);
	cr_expect(str_eq(store.client_id, STR(CLIENT)));
	fake_client_jwks(&store, ERR_OK, &row, 1);
	expect_issue(op);
	answer_issue(ERR_OK);
	answered(op, ERR_OK);
	op = show(signed_by(client_key, "b"));
	expect_issue(op); /* nobody was asked */
	answer_issue(ERR_ASSERTION_REPLAYED);
	answered(op, ERR_ASSERTION_REPLAYED);
}

Test(private_key_jwt, a_key_that_is_not_remembered_is_asked_for)
{
	struct client_jwk both[2] = {row, row_of(other_key)};
	show(signed_by(client_key, "a"));
	fake_client_jwks(&store, ERR_OK, &row, 1);
	answer_issue(ERR_OK);
	struct op *op = show(signed_by(other_key, "b"));
	cr_assert_eq(store.waiting, FAKE_CLIENT_JWKS, "it may have been added since");
	fake_client_jwks(&store, ERR_OK, both, 2);
	cr_assert_eq(store.waiting, FAKE_ISSUE);
	cr_expect(str_eq(store.request->credentials, both[1].credential_id));
	answer_issue(ERR_OK);
	answered(op, ERR_OK);
}

Test(private_key_jwt, whoever_has_no_such_key_gets_one_answer)
{
	static const char *const jtis[] = {"a", "b"};
	for (size_t i = 0; i < 2; i++) { /* a client without keys, and one with another */
		struct op *op = show(signed_by(other_key, jtis[i]));
		cr_assert_eq(store.waiting, FAKE_CLIENT_JWKS);
		fake_client_jwks(&store, ERR_OK, &row, i);
		answered(op, ERR_INVALID_CLIENT);
		cr_expect_str_eq(op->err_detail, "No key of this client has made the assertion's signature, or there is no such client.");
	}
}

Test(private_key_jwt, a_database_that_is_gone_is_not_the_client_s_fault)
{
	struct op *op = show(signed_by(client_key, "a"));
	fake_client_jwks(&store, ERR_STORE_UNAVAILABLE, NULL, 0);
	answered(op, ERR_STORE_UNAVAILABLE);
}

Test(private_key_jwt, strangers_do_not_fill_the_connection_that_reads_and_rotations_share)
{
	unsigned asked = 0;
	store.waiting = FAKE_NONE;
	for (int i = 0; i < 300; i++) {
		struct op *op = show(signed_by(other_key, "a"));
		if (store.waiting == FAKE_CLIENT_JWKS) {
			asked++;
			store.waiting = FAKE_NONE; /* its answer never comes */
		} else {
			answered(op, ERR_OVERLOADED);
		}
	}
	cr_expect_eq(asked, 256);
	env.asking_for_keys = 0;
}

Test(private_key_jwt, a_key_that_cannot_be_read_is_passed_over)
{
	struct client_jwk rows[2] = {{.credential_id = row.credential_id, .jwk = STR("{\"kty\":\"EC\"}")}, row};
	struct op *op = show(signed_by(client_key, "a"));
	fake_client_jwks(&store, ERR_OK, rows, 2);
	expect_issue(op);
	answer_issue(ERR_OK);
}

/* Of `n` clients, one after another, those whose keys are still known at the end. */
static unsigned remembered_of(unsigned n)
{
	char(*ids)[CLIENT_ID_LEN] = calloc(n, sizeof *ids);
	unsigned kept = 0;
	for (unsigned i = 0; i < n; i++) {
		cr_assert_eq(client_id_make(ids[i]), ERR_OK);
		cr_assert_not_null(client_key_memo_put(env.client_keys, str_from(ids[i], CLIENT_ID_LEN), &row, 1));
	}
	for (unsigned i = 0; i < n; i++)
		kept += client_key_memo_get(env.client_keys, str_from(ids[i], CLIENT_ID_LEN)) != NULL;
	cr_expect_not_null(client_key_memo_get(env.client_keys, str_from(ids[n - 1], CLIENT_ID_LEN)), "the last one");
	free(ids);
	return kept;
}

/* A client that isn't remembered costs a question and the parsing of its keys at every request. */
Test(private_key_jwt, a_thousand_clients_keys_are_remembered)
{
	unsigned kept = remembered_of(1000);
	cr_expect_geq(kept, 990, "%u", kept);
}

Test(private_key_jwt, the_memory_of_keys_is_bounded)
{
	unsigned kept = remembered_of(6000);
	cr_expect(kept > 3000 && kept <= 4096, "%u", kept);
}

/* ---- FAPI 2.0 ---- */

/* Whose client it is, the worker doesn't know: it tells, and the statement decides. */
Test(private_key_jwt, what_fapi2_forbids_is_told_to_the_statement)
{
	struct signing_key *rsa = private_key(JWT_RS256);
	struct client_jwk rsa_row = row_of(rsa);
	struct op *op = show(signed_by(rsa, "a"));
	fake_client_jwks(&store, ERR_OK, &rsa_row, 1);
	cr_assert_eq(store.waiting, FAKE_ISSUE, "%s", op->err_detail);
	cr_expect_not(store.request->fapi2);
	answer_issue(ERR_PROFILE_VIOLATED);
	answered(op, ERR_INVALID_CLIENT);
	cr_expect_str_eq(op->err_detail, "The assertion's alg must be PS256, ES256 or EdDSA (FAPI 2.0 Security Profile section 5.4.1).");
	op = show(signed_by(rsa, "b"));
	answer_issue(ERR_OK); /* of a client without the profile */
	answered(op, ERR_OK);
	signing_key_free(rsa);
}

/* An assertion that does all makes up for no proof that doesn't. */
Test(private_key_jwt, a_right_assertion_leaves_what_fapi2_forbids_of_the_proof)
{
	struct signing_key *rsa = private_key(JWT_RS256);
	config.public_url = STR(ISSUER);
	struct op *op = new_op(OP_OAUTH_TOKEN);
	op->in = (struct op_input){.grant_type = STR("client_credentials"),
				   .client_id = STR(CLIENT),
				   .client_assertion_type = STR(TYPE),
				   .client_assertion = signed_by(client_key, "a"),
				   .path = STR("/oauth2/token")};
	op->in.dpop = proof_by(
		rsa,
		arena_printf(arena, "{\"htm\":\"POST\",\"htu\":\"" ISSUER "/oauth2/token\",\"iat\":%lld,\"jti\":\"j\"}", (long long)NOW).p);
	op_run(op);
	fake_client_jwks(&store, ERR_OK, &row, 1);
	cr_assert_eq(store.waiting, FAKE_ISSUE, "%s", op->err_detail);
	cr_expect_not(store.request->fapi2);
	answer_issue(ERR_PROFILE_VIOLATED);
	answered(op, ERR_INVALID_DPOP_PROOF);
	signing_key_free(rsa);
}

/* ---- verified together ---- */

/* By its kid the client's, and with a signature that isn't. */
static struct str forged(const char *jti)
{
	struct str token = arena_copy(arena, signed_by(client_key, jti));
	char *at = (char *)token.p + token.n - 8;
	*at = *at == 'A' ? 'B' : 'A';
	return token;
}

#define GROUP 5

/* Whose key is known, and what waits for the turn's end. */
static struct op *show_known(struct str assertion)
{
	cr_assert_not_null(client_key_memo_put(env.client_keys, STR(CLIENT), &row, 1));
	store.calls = 0;
	store.waiting = FAKE_NONE;
	struct op *op = show(assertion);
	cr_assert_eq(store.calls, 0);
	cr_assert_not(op->finished);
	return op;
}

Test(private_key_jwt, a_lone_one_waits_for_its_turn_s_end)
{
	open_signatures();
	struct op *op = show_known(signed_by(client_key, "a"));
	end_turn();
	expect_issue(op);
	answer_issue(ERR_OK);
	answered(op, ERR_OK);
	close_signatures();
}

static unsigned group_replies;

static void group_reply(struct op *op, void *transport)
{
	(void)transport;
	cr_assert(op->finished);
	group_replies++;
}

static struct op *group_op(struct str assertion)
{
	struct op *op = op_new(&env, &op_specs[OP_OAUTH_TOKEN], group_reply, NULL);
	op_set_request_id(op, STR("r-1"));
	op->origin.transport = 'r';
	op->origin.remote_addr = STR("192.0.2.7");
	op->in = (struct op_input){
		.grant_type = STR("client_credentials"), .client_assertion = assertion, .client_assertion_type = STR(TYPE)};
	op_run(op);
	return op;
}

/* The store has one place for who waits, so that one is right. */
Test(private_key_jwt, each_of_a_group_gets_its_own_answer)
{
	struct op *ops[GROUP];
	open_signatures();
	for (unsigned good = 0; good < GROUP; good++) {
		cr_assert_not_null(client_key_memo_put(env.client_keys, STR(CLIENT), &row, 1));
		store.waiting = FAKE_NONE;
		group_replies = 0;
		for (unsigned i = 0; i < GROUP; i++) {
			ops[i] = group_op(i == good ? signed_by(client_key, "a") : forged("a"));
			ops[i]->asked_credentials = true;
		}
		cr_assert_eq(group_replies, 0);
		end_turn();
		cr_assert_eq(group_replies, GROUP - 1);
		expect_issue(ops[good]);
		for (unsigned i = 0; i < GROUP; i++)
			cr_assert_eq(ops[i]->err, i == good ? ERR_OK : ERR_INVALID_CLIENT, "%u, %u is right", i, good);
		answer_issue(ERR_OK);
		cr_assert_eq(group_replies, GROUP);
		for (unsigned i = 0; i < GROUP; i++)
			op_free(ops[i]);
	}
	close_signatures();
}

Test(private_key_jwt, a_wrong_one_is_asked_about_before_it_is_refused)
{
	open_signatures();
	struct op *op = show_known(forged("a"));
	end_turn();
	cr_assert_eq(store.waiting, FAKE_CLIENT_JWKS);
	fake_client_jwks(&store, ERR_OK, &row, 1);
	cr_assert_not(op->finished, "the key that was told is tried as well");
	end_turn();
	answered(op, ERR_INVALID_CLIENT);
	close_signatures();
}

Test(private_key_jwt, a_key_that_comes_with_the_answer_verifies)
{
	struct client_jwk both[2] = {row, row_of(other_key)};
	open_signatures();
	struct op *op = show(signed_by(other_key, "a"));
	cr_assert_eq(store.waiting, FAKE_CLIENT_JWKS);
	fake_client_jwks(&store, ERR_OK, both, 2);
	cr_assert_eq(store.waiting, FAKE_NONE);
	end_turn();
	cr_assert_eq(store.waiting, FAKE_ISSUE, "%s", op->err_detail);
	cr_expect(str_eq(store.request->credentials, both[1].credential_id));
	answer_issue(ERR_OK);
	close_signatures();
}

Test(private_key_jwt, the_memory_may_forget_the_key_meanwhile)
{
	open_signatures();
	struct op *op = show_known(signed_by(client_key, "a"));
	struct client_jwk other = row_of(other_key);
	cr_assert_not_null(client_key_memo_put(env.client_keys, STR(CLIENT), &other, 1));
	end_turn();
	expect_issue(op);
	answer_issue(ERR_OK);
	close_signatures();
}

Test(private_key_jwt, whoever_goes_away_meanwhile_asks_the_store_for_nothing)
{
	open_signatures();
	struct op *op = show_known(signed_by(client_key, "a"));
	op_abandon(op, ERR_CANCELLED);
	cr_assert_not(op->finished, "the queue has it yet");
	end_turn();
	refused_unasked(op, ERR_CANCELLED);
	close_signatures();
}

Test(private_key_jwt, whoever_waits_at_the_end_is_answered)
{
	open_signatures();
	struct op *op = show_known(signed_by(client_key, "a"));
	struct signature_queue *queue = env.signatures;
	env.signatures = NULL;
	signature_queue_free(queue);
	refused_unasked(op, ERR_SHUTTING_DOWN);
	close_signatures();
}

/* ---- beyond tokens ---- */

static struct op *ask_with(enum op_id id, struct str assertion)
{
	struct op *op = new_op(id);
	op->in = (struct op_input){.token = STR("x"), .client_assertion = assertion, .client_assertion_type = STR(TYPE)};
	op_run(op);
	return op;
}

Test(private_key_jwt, whoever_asks_about_tokens_or_ends_one_may_show_it_too)
{
	static const struct token_answer answer = {.active = false};
	static const struct {
		enum op_id id;
		enum fake_call call;
	} cases[] = {{OP_INTROSPECT_TOKEN, FAKE_INTROSPECT}, {OP_REVOKE_TOKEN, FAKE_REVOKE}};
	show(signed_by(client_key, "a"));
	fake_client_jwks(&store, ERR_OK, &row, 1);
	answer_issue(ERR_OK);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct op *op = ask_with(cases[i].id, signed_by(client_key, "b"));
		cr_assert_eq(store.waiting, cases[i].call, "%s", op->err_detail);
		const struct token_caller *c = &store.asker;
		cr_expect(str_eq(c->client_id, STR(CLIENT)) && c->verifiers.p == NULL && c->fapi2);
		cr_expect(c->shown.auth_method == 'k' && str_eq(c->shown.credentials, row.credential_id));
		cr_expect(c->shown.assertion.hash.n == 16 && c->shown.assertion.until == NOW + 60 + 30);
		fake_token_state(&store, ERR_ASSERTION_REPLAYED, &answer);
		answered(op, ERR_ASSERTION_REPLAYED);
	}
}

/* ---- limits ---- */

static void open_limits(void)
{
	config.client_rate = 1;
	config.client_burst = 3;
	cr_assert_eq(rate_limits_open(&config, &env.limits), ERR_OK);
}

static void close_limits(void)
{
	rate_limits_close(env.limits);
	env.limits = NULL;
}

static enum err end_of(struct op *op, enum err by_the_store)
{
	static const struct token_answer answer = {.active = false};
	if (store.waiting == FAKE_CLIENT_JWKS)
		fake_client_jwks(&store, ERR_OK, &row, 1);
	if (store.waiting == FAKE_INTROSPECT)
		fake_token_state(&store, by_the_store, &answer);
	if (store.waiting == FAKE_ISSUE)
		answer_issue(by_the_store);
	return op->err;
}

Test(private_key_jwt, a_forged_or_replayed_one_takes_from_the_guesses_at_introspection)
{
	open_limits();
	for (int i = 0; i < 5; i++)
		cr_assert_eq(end_of(ask_with(OP_INTROSPECT_TOKEN, signed_by(client_key, "a")), ERR_OK), ERR_OK);
	cr_assert_eq(end_of(ask_with(OP_INTROSPECT_TOKEN, forged("b")), ERR_OK), ERR_INVALID_CLIENT);
	cr_assert_eq(end_of(ask_with(OP_INTROSPECT_TOKEN, signed_by(client_key, "c")), ERR_ASSERTION_REPLAYED), ERR_ASSERTION_REPLAYED);
	cr_assert_eq(end_of(ask_with(OP_INTROSPECT_TOKEN, forged("d")), ERR_OK), ERR_INVALID_CLIENT);
	cr_assert_eq(end_of(ask_with(OP_INTROSPECT_TOKEN, forged("e")), ERR_OK), ERR_RATE_LIMITED);
	close_limits();
}

Test(private_key_jwt, a_forged_one_takes_from_the_guesses_at_the_token_endpoint)
{
	open_limits();
	for (int i = 0; i < 3; i++)
		cr_assert_eq(end_of(show(forged("a")), ERR_OK), ERR_INVALID_CLIENT);
	unsigned calls = store.calls;
	cr_assert_eq(end_of(show(forged("b")), ERR_OK), ERR_RATE_LIMITED);
	cr_assert_eq(store.calls, calls);
	close_limits();
}

/* Beside a client_id and without a secret it would be the repeat of whatever was refused so. */
Test(private_key_jwt, none_is_excused_as_the_repeat_of_another_request)
{
	open_limits();
	for (int i = 0; i < 8; i++) {
		struct op *op = new_op(OP_OAUTH_TOKEN);
		op->in = (struct op_input){
			.grant_type = STR("client_credentials"), .client_id = STR(CLIENT), .client_secret = STR(""), .basic = true};
		op_run(op);
		answered(op, ERR_INVALID_CLIENT);
		op = new_op(OP_OAUTH_TOKEN);
		op->in = (struct op_input){.grant_type = STR("client_credentials"),
					   .client_id = STR(CLIENT),
					   .client_assertion = forged("a"),
					   .client_assertion_type = STR(TYPE)};
		op_run(op);
		cr_assert_eq(end_of(op, ERR_OK), i < 3 ? ERR_INVALID_CLIENT : ERR_RATE_LIMITED, "%d", i);
	}
	close_limits();
}

Test(private_key_jwt, it_stands_in_place_of_the_secret)
{
	struct op *op = new_op(OP_REVOKE_TOKEN);
	op->in = (struct op_input){.token = STR("x"),
				   .client_id = STR(CLIENT),
				   .client_secret = secret_of("k1", 3),
				   .client_assertion = signed_by(client_key, "a"),
				   .client_assertion_type = STR(TYPE)};
	op_run(op);
	refused_unasked(op, ERR_INVALID_REQUEST);
}
