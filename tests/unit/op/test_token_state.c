/* Introspection, revocation and the list, up to what the store is asked. */
#include <criterion/criterion.h>

#include "fakes/fake_clock.h"
#include "op/own_token.h"
#include "op/rate_limits.h"
#include "op/shown_memo.h"
#include "op_test.h"

TestSuite(token_state, .init = op_up, .fini = op_down);

#define JTI "0190a0a0-0000-7000-8000-00000000000b"

static struct uuid organization;

static struct claims own_claims(void)
{
	struct claims c = client_claims();
	cr_assert_eq(uuid_parse(STR(ORGANIZATION), &organization), ERR_OK);
	c.iat = "1767225599";
	c.jti = "\"" JTI "\"";
	return c;
}

static struct op *ask(enum op_id id, struct str shown)
{
	struct op *op = new_op(id);
	op->in.client_id = STR(CLIENT);
	op->in.client_secret = secret_of("k1", 3);
	op->in.token = shown;
	op_run(op);
	return op;
}

static void say(enum err err, bool active)
{
	const struct token_answer a = {.organization_id = organization, .active = active};
	fake_token_state(&store, err, &a);
}

static void nothing_is_told(const struct op *op)
{
	cr_assert_not(op->out.introspected.active);
	cr_assert_null(op->out.introspected.client_id.p);
	cr_assert_null(op->out.introspected.jti.p);
}

Test(token_state, the_store_is_asked_about_the_token_as_it_says_itself)
{
	struct op *op = ask(OP_INTROSPECT_TOKEN, token_from(own_claims()));
	struct uuid jti;
	cr_assert_eq(store.waiting, FAKE_INTROSPECT);
	cr_assert(str_eq(store.asker.client_id, STR(CLIENT)));
	cr_assert_eq(store.asker.verifiers.n, 2U * SHA256_LEN);
	cr_assert(str_eq(store.token.kid, signing_key_kid(key)));
	cr_assert(store.token.verified);
	cr_assert_eq(uuid_parse(STR(JTI), &jti), ERR_OK);
	cr_assert_arr_eq(store.token.jti.p, jti.b, sizeof jti.b);
	cr_assert(str_eq(store.token.client_id, STR(CLIENT)));
	cr_assert_eq(store.token.secret_version, 3);
	cr_assert_eq(store.token.issued_at, NOW - 1);
	cr_assert_eq(store.token.expires_at, NOW + 3600);
	say(ERR_OK, true);
	answered(op, ERR_OK);
	cr_assert(op->out.introspected.active);
	cr_assert(str_eq(op->out.introspected.jti, STR(JTI)));
	cr_assert(str_eq(op->out.introspected.audience, STR("public-api")));
	cr_assert(str_eq(op->out.introspected.organization_id, STR(ORGANIZATION)));
}

Test(token_state, nothing_is_told_of_what_the_store_says_is_not_good)
{
	struct op *op = ask(OP_INTROSPECT_TOKEN, token_from(own_claims()));
	say(ERR_OK, false);
	answered(op, ERR_OK);
	nothing_is_told(op);
}

/* An answer isn't remembered: the second time the store is asked as the first. */
Test(token_state, the_store_is_asked_each_time)
{
	struct str token = token_from(own_claims());
	ask(OP_INTROSPECT_TOKEN, token);
	say(ERR_OK, true);
	struct op *op = ask(OP_INTROSPECT_TOKEN, token);
	cr_assert_eq(store.calls, 2);
	say(ERR_OK, false);
	nothing_is_told(op);
}

/* ---- what is remembered of a token ---- */

static bool is_remembered(struct str token)
{
	struct own_token t;
	uint8_t hash[SHA256_LEN];
	cr_assert_eq(sha256(token.p, token.n, hash), ERR_OK);
	return shown_memo_get(env.shown, arena, hash, keyset_generation(store.keys), NOW, &t);
}

static void expect_told(struct str token, const struct claims *c)
{
	struct op *op = ask(OP_INTROSPECT_TOKEN, token);
	cr_assert_eq(store.waiting, FAKE_INTROSPECT);
	cr_expect(str_eq(store.token.kid, signing_key_kid(key)) && store.token.verified && store.token.jti.n == 16);
	cr_expect(str_eq(store.token.client_id, STR(CLIENT)) && store.token.secret_version == 3);
	cr_expect(store.token.issued_at == NOW - 1 && store.token.expires_at == NOW + 3600);
	say(ERR_OK, true);
	answered(op, ERR_OK);
	const struct introspected *t = &op->out.introspected;
	cr_expect(t->active && t->issued_at == NOW - 1 && t->expires_at == NOW + 3600);
	cr_expect(str_eq(t->client_id, STR(CLIENT)) && str_eq(t->subject, STR(CLIENT)) && str_eq(t->issuer, STR(ISSUER)));
	cr_expect(str_eq(t->jti, STR(JTI)) && str_eq(t->audience, STR("public-api")) && str_eq(t->organization_id, STR(ORGANIZATION)));
	cr_expect_null(t->scope.p);
	cr_expect_eq(t->bound_to.n, c->cnf == NULL ? 0 : 47);
}

Test(token_state, a_token_is_read_once_and_told_as_at_first)
{
	struct claims plain = own_claims(), bound = own_claims();
	bound.cnf = "{\"jkt\":\"0123456789012345678901234567890123456789abc\"}";
	struct str first = token_from(plain), second = token_from(bound);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(is_remembered(first), i > 0);
		expect_told(first, &plain);
		expect_told(second, &bound);
	}
}

/* Its texts are the op's, whoever takes the token's place meanwhile. */
Test(token_state, what_is_told_outlives_the_memory_of_it)
{
	struct claims c = own_claims();
	struct str token = token_from(c);
	expect_told(token, &c);
	struct op *op = ask(OP_INTROSPECT_TOKEN, token);
	shown_memo_free(env.shown);
	env.shown = shown_memo_new();
	say(ERR_OK, true);
	cr_assert(str_eq(op->out.introspected.jti, STR(JTI)) && str_eq(op->out.introspected.organization_id, STR(ORGANIZATION)));
}

Test(token_state, a_key_that_left_takes_what_is_remembered_along)
{
	struct claims c = own_claims();
	struct str token = token_from(c);
	struct signing_key *other = NULL;
	expect_told(token, &c);
	cr_assert_eq(signing_key_generate(JWT_ES256, &other), ERR_OK);
	keyset_free(store.keys);
	store.keys = keyset_of(other, 2);
	ask(OP_INTROSPECT_TOKEN, token);
	cr_assert_not(store.token.verified);
	say(ERR_OK, false);
	signing_key_free(other);
}

Test(token_state, an_expired_one_is_asked_about_as_nothing_although_it_is_remembered)
{
	struct claims c = own_claims();
	struct str token = token_from(c);
	expect_told(token, &c);
	fake_clock_set_wall_us((NOW + 3600 + 61) * 1000000);
	ask(OP_INTROSPECT_TOKEN, token);
	cr_assert_null(store.token.kid.p);
	say(ERR_OK, false);
}

Test(token_state, what_is_not_good_is_not_remembered)
{
	struct claims expired = own_claims();
	expired.exp = "1767220000";
	struct str good = token_from(own_claims()), old = token_from(expired);
	char *damaged = arena_alloc(arena, good.n);
	memcpy(damaged, good.p, good.n);
	damaged[good.n - 10] = damaged[good.n - 10] == 'A' ? 'B' : 'A';
	for (int i = 0; i < 2; i++) {
		ask(OP_INTROSPECT_TOKEN, str_from(damaged, good.n));
		cr_assert_null(store.token.kid.p);
		say(ERR_OK, false);
		ask(OP_INTROSPECT_TOKEN, old);
		cr_assert_null(store.token.kid.p);
		say(ERR_OK, false);
	}
	cr_assert_not(is_remembered(str_from(damaged, good.n)));
	cr_assert_not(is_remembered(old));
	cr_assert_not(is_remembered(good));
}

Test(token_state, a_token_that_says_much_is_told_and_not_remembered)
{
	char subject[BEARER_SUBJECT_MAX + 3];
	memset(subject, 'a', sizeof subject);
	subject[0] = subject[BEARER_SUBJECT_MAX + 1] = '"';
	subject[BEARER_SUBJECT_MAX + 2] = '\0';
	struct sbuf json = sbuf_in(arena, 4096), token = sbuf_in(arena, 8192);
	sbuf_printf(&json, "{\"iss\":\"" ISSUER "\",\"sub\":%s,\"exp\":1767229200,\"organization_id\":\"" ORGANIZATION "\",\"scope\":\"",
		    subject);
	for (int i = 0; i < SHOWN_TEXTS_MAX; i++)
		sbuf_putc(&json, 's');
	sbuf_putz(&json, "\"}");
	cr_assert_eq(jwt_sign(key, false, sbuf_str(&json), &token), ERR_OK);
	for (int i = 0; i < 2; i++) {
		struct op *op = ask(OP_INTROSPECT_TOKEN, sbuf_str(&token));
		say(ERR_OK, true);
		cr_assert_eq(op->out.introspected.scope.n, (size_t)SHOWN_TEXTS_MAX);
	}
	cr_assert_not(is_remembered(sbuf_str(&token)));
}

/* ---- as many audiences as a token can name ---- */

#define AUDIENCES 3000
#define ROOM      (20 * JWT_MAX_LEN) /* of an op, for the token as it is read and as it is told */

static struct str token_for_many(struct signing_key *signer)
{
	struct sbuf json = sbuf_in(arena, 16384), token = sbuf_in(arena, 32768);
	sbuf_putz(&json,
		  "{\"iss\":\"" ISSUER "\",\"sub\":\"x\",\"exp\":1767229200,\"organization_id\":\"" ORGANIZATION "\",\"aud\":[\"a\"");
	for (int i = 1; i < AUDIENCES; i++)
		sbuf_putz(&json, ",\"a\"");
	sbuf_putz(&json, "]}");
	cr_assert_eq(jwt_sign(signer, false, sbuf_str(&json), &token), ERR_OK);
	return sbuf_str(&token);
}

Test(token_state, many_audiences_are_told_in_little_memory)
{
	struct op *op = ask(OP_INTROSPECT_TOKEN, token_for_many(key));
	cr_assert(store.token.verified);
	say(ERR_OK, true);
	answered(op, ERR_OK);
	cr_assert_eq(op->out.introspected.audience.n, 2 * AUDIENCES - 1);
	cr_assert_lt(arena_used(op->arena), ROOM, "%zu", arena_used(op->arena));
}

/* Whoever has no key of ours can name as many: they are read, and nothing is made of them. */
Test(token_state, nothing_is_made_of_what_an_unknown_key_says)
{
	struct signing_key *unknown = NULL;
	cr_assert_eq(signing_key_generate(JWT_ES256, &unknown), ERR_OK);
	struct op *op = ask(OP_INTROSPECT_TOKEN, token_for_many(unknown));
	cr_assert_eq(store.waiting, FAKE_INTROSPECT);
	cr_assert(str_eq(store.token.kid, signing_key_kid(unknown)) && !store.token.verified);
	cr_assert_null(op->own_token->said.audience.p);
	cr_assert_null(op->own_token->said.subject.p);
	say(ERR_OK, false);
	answered(op, ERR_OK);
	nothing_is_told(op);
	cr_assert_lt(arena_used(op->arena), ROOM, "%zu", arena_used(op->arena));
	signing_key_free(unknown);
}

/* ---- what is no token of ours ---- */

Test(token_state, what_is_not_ours_is_asked_about_as_nothing)
{
	struct claims foreign = own_claims(), expired = own_claims(), hollow = own_claims();
	foreign.iss = "\"https://other.example\"";
	expired.exp = "1767220000";
	hollow.secret_version = NULL;
	struct str good = token_from(own_claims());
	char *damaged = arena_alloc(arena, good.n);
	memcpy(damaged, good.p, good.n);
	damaged[good.n - 10] = damaged[good.n - 10] == 'A' ? 'B' : 'A';
	const struct str shown[] = {token_from(foreign), token_from(expired), token_from(hollow), str_from(damaged, good.n), STR("x")};
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
		struct op *op = ask(OP_INTROSPECT_TOKEN, shown[i]);
		cr_assert_eq(store.waiting, FAKE_INTROSPECT, "row %zu: the caller must be known first", i);
		cr_assert_null(store.token.kid.p, "row %zu", i);
		say(ERR_OK, false);
		nothing_is_told(op);
	}
}

/* It may be younger than the snapshot: the database knows, and nothing of the token is believed. */
Test(token_state, a_key_that_the_snapshot_lacks_is_the_database_s_to_judge)
{
	struct signing_key *young = NULL;
	struct signing_key *present = key;
	cr_assert_eq(signing_key_generate(JWT_ES256, &young), ERR_OK);
	key = young;
	struct str token = token_from(own_claims());
	key = present;
	struct op *op = ask(OP_REVOKE_TOKEN, token);
	cr_assert_eq(store.waiting, FAKE_REVOKE);
	cr_assert(str_eq(store.token.kid, signing_key_kid(young)));
	cr_assert_not(store.token.verified);
	say(ERR_STALE_KEY, false);
	answered(op, ERR_STALE_KEY);
	signing_key_free(young);
}

Test(token_state, a_caller_authenticates_and_shows_a_token)
{
	struct op *op = new_op(OP_INTROSPECT_TOKEN);
	op->in.token = STR("x");
	op_run(op);
	refused_unasked(op, ERR_INVALID_CLIENT);
	op = new_op(OP_INTROSPECT_TOKEN);
	op->in.bearer = token_from(operator_claims());
	op->in.client_id = STR(CLIENT);
	op->in.token = STR("x");
	op_run(op);
	refused_unasked(op, ERR_INVALID_REQUEST);
	refused_unasked(ask(OP_INTROSPECT_TOKEN, STR_NONE), ERR_INVALID_REQUEST);
	refused_unasked(ask(OP_REVOKE_TOKEN, STR_NONE), ERR_INVALID_REQUEST);
	op = new_op(OP_REVOKE_TOKEN);
	op->in.client_id = STR(CLIENT);
	op->in.client_secret = STR("m2ms_not_one");
	op->in.token = STR("x");
	op_run(op);
	refused_unasked(op, ERR_INVALID_CLIENT);
}

Test(token_state, a_bearer_may_ask_and_the_platform_s_is_one)
{
	struct claims platform = operator_claims();
	struct op *op = new_op(OP_LIST_REVOCATIONS);
	op->in.bearer = token_from(operator_claims());
	op_run(op);
	cr_assert_eq(store.waiting, FAKE_REVOCATIONS);
	cr_assert_null(store.asker.client_id.p);
	cr_assert(store.asker.bearer->admin && !store.asker.platform);
	say(ERR_FORBIDDEN, false);
	answered(op, ERR_FORBIDDEN);
	platform.organization_id = NULL;
	platform.roles = "[\"platform\"]";
	op = new_op(OP_LIST_REVOCATIONS);
	op->in.bearer = token_from(platform);
	op_run(op);
	cr_assert_eq(store.waiting, FAKE_REVOCATIONS);
	cr_assert(store.asker.platform);
	say(ERR_FORBIDDEN, false);
}

Test(token_state, a_refused_client_is_recorded_under_its_id)
{
	cr_assert_eq(uuid_parse(STR(ORGANIZATION), &organization), ERR_OK);
	ask(OP_INTROSPECT_TOKEN, STR("x"));
	say(ERR_INVALID_CLIENT, false);
	cr_assert_str_eq(store.denied_client, CLIENT);
	cr_assert_str_eq(store.denied_reason, "invalid_client");
	struct op *op = ask(OP_INTROSPECT_TOKEN, STR("x"));
	say(ERR_FORBIDDEN, false);
	cr_assert_str_eq(store.denied_client, CLIENT);
	cr_assert_str_eq(store.denied_reason, "forbidden");
	cr_assert_str_eq(op->err_detail, "The client lacks the role resource_server.");
}

static struct op *list(struct str if_none_match)
{
	struct op *op = new_op(OP_LIST_REVOCATIONS);
	const struct token_answer a = {.list = STR("\"revocations\":[]")};
	op->in.client_id = STR(CLIENT);
	op->in.client_secret = secret_of("k1", 3);
	op->in.if_none_match = if_none_match;
	op_run(op);
	fake_token_state(&store, ERR_OK, &a);
	answered(op, ERR_OK);
	return op;
}

Test(token_state, the_same_list_has_the_same_tag)
{
	char tag[64], several[128];
	struct op *op = list(STR_NONE);
	cr_assert(str_eq(op->out.document, STR("{\"revocations\":[]}\n")));
	cr_assert_eq(op->out.max_age, 5);
	cr_assert_not(op->out.not_modified);
	snprintf(tag, sizeof tag, "%.*s", STR_ARG(op->out.etag));
	cr_assert(list(str_of(tag))->out.not_modified);
	snprintf(several, sizeof several, "\"a\" , W/%s", tag);
	cr_assert(list(str_of(several))->out.not_modified);
	cr_assert(list(STR("*"))->out.not_modified);
	cr_assert_not(list(STR("\"a\""))->out.not_modified);
}

/* ---- its pages ---- */

static struct op *ask_page(struct str token, int32_t size)
{
	struct op *op = new_op(OP_LIST_REVOCATIONS);
	op->in.client_id = STR(CLIENT);
	op->in.client_secret = secret_of("k1", 3);
	op->in.page_token = token;
	op->in.page_size = size;
	op_run(op);
	return op;
}

/* What the page says after the token of the next one. */
static struct str token_behind(struct revocation_place last)
{
	static const char before[] = "{\"revocations\":[],\"next_page_token\":\"";
	const struct token_answer a = {.list = STR("\"revocations\":[]"), .more = true, .last = last};
	struct op *op = ask_page(STR_NONE, 1);
	cr_assert_eq(store.place.part, 'e');
	cr_assert_eq(store.place.client_id.n, 0);
	cr_assert_eq(store.limit, 1);
	fake_token_state(&store, ERR_OK, &a);
	answered(op, ERR_OK);
	struct str text = arena_copy(arena, op->out.document);
	cr_assert(str_starts(text, str_of(before)), "%.*s", STR_ARG(text));
	cr_assert(str_eq(str_from(text.p + text.n - 3, 3), STR("\"}\n")));
	return str_from(text.p + sizeof before - 1, text.n - (sizeof before - 1) - 3);
}

static void a_page_begins_behind(struct revocation_place last)
{
	struct str token = token_behind(last);
	struct op *op = ask_page(token, 0);
	cr_assert_eq(store.waiting, FAKE_REVOCATIONS, "%.*s", STR_ARG(token));
	cr_assert_eq(store.limit, REVOCATIONS_MAX);
	cr_assert_eq(store.place.part, last.part);
	cr_assert_arr_eq(store.place.id.b, last.id.b, sizeof last.id.b);
	cr_assert(str_eq(store.place.client_id, last.client_id));
	cr_assert_eq(store.place.secret_version, last.secret_version);
	cr_assert_eq(store.place.expires_us, last.expires_us);
	say(ERR_FORBIDDEN, false);
	answered(op, ERR_FORBIDDEN);
}

Test(token_state, a_page_begins_where_the_one_before_ended)
{
	const struct uuid id = {{1, 2, 3, 255}};
	char longest[FOREIGN_MAX];
	memset(longest, '~', sizeof longest);
	a_page_begins_behind((struct revocation_place){.part = 'e', .id = id, .client_id = STR("")});
	a_page_begins_behind((struct revocation_place){.part = 'e', .id = id, .client_id = STR(CLIENT), .secret_version = INT32_MAX});
	a_page_begins_behind((struct revocation_place){.part = 'e', .id = id, .client_id = str_from(longest, sizeof longest)});
	a_page_begins_behind((struct revocation_place){.part = 'r', .id = id, .client_id = STR(""), .expires_us = 1767225599123456});
}

Test(token_state, what_is_no_page_is_refused_unasked)
{
	refused_unasked(ask_page(STR_NONE, -1), ERR_INVALID_REQUEST);
	refused_unasked(ask_page(STR_NONE, REVOCATIONS_MAX + 1), ERR_INVALID_REQUEST);
	refused_unasked(ask_page(STR("!"), 1), ERR_INVALID_REQUEST);
	refused_unasked(ask_page(STR("ZQ"), 1), ERR_INVALID_REQUEST);
	cr_assert_eq(ask_page(STR_NONE, REVOCATIONS_MAX)->err, ERR_OK);
}
