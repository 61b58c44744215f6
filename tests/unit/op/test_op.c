#include <criterion/criterion.h>

#include "base/starved.h"
#include "op_test.h"

TestSuite(op, .init = op_up, .fini = op_down);

static struct op_path path;

/* ---- the tables ---- */

Test(op, every_operation_is_found_by_its_method_and_path)
{
	for (size_t i = 0; i < OP_COUNT; i++) {
		const char *allow = "untouched";
		cr_assert_eq(op_specs[i].id, i);
		char text[128];
		struct str form = str_of(op_specs[i].path);
		struct sbuf b = sbuf_fixed(text, sizeof text);
		for (size_t c = 0; c < form.n; c++)
			/* a parameter's own name is a value for it too */
			if (form.p[c] != '{' && form.p[c] != '}')
				sbuf_putc(&b, form.p[c]);
		cr_assert_eq(op_find(str_of(op_specs[i].method), sbuf_str(&b), &path, &allow), &op_specs[i], "%s", op_specs[i].name);
		cr_assert_null(allow);
		cr_assert_not_null(op_specs[i].steps[0]);
	}
}

Test(op, routes_names_and_grpc_methods_are_unique)
{
	for (size_t i = 0; i < OP_COUNT; i++) {
		for (size_t j = 0; j < i; j++) {
			cr_assert(strcmp(op_specs[i].path, op_specs[j].path) != 0 || strcmp(op_specs[i].method, op_specs[j].method) != 0);
			cr_assert_str_neq(op_specs[i].name, op_specs[j].name);
			cr_assert(op_specs[i].grpc == NULL || op_specs[j].grpc == NULL || strcmp(op_specs[i].grpc, op_specs[j].grpc) != 0);
		}
	}
}

Test(op, a_wrong_method_is_told_the_right_one)
{
	const char *allow = NULL;
	cr_assert_null(op_find(STR("GET"), STR("/m2m/token"), &path, &allow));
	cr_assert_str_eq(allow, "POST");
	cr_assert_null(op_find(STR("post"), STR("/m2m/token"), &path, &allow));
	cr_assert_str_eq(allow, "POST");
	cr_assert_null(op_find(STR("POST"), STR("/m2m/client-id"), &path, &allow));
	cr_assert_str_eq(allow, "GET");
}

Test(op, a_path_tells_its_parameters_and_all_its_methods)
{
	const char *allow = NULL;
	cr_assert_eq(op_find(STR("PATCH"), STR("/admin/organizations/acme/clients/m2m_x"), &path, &allow), &op_specs[OP_UPDATE_CLIENT]);
	cr_assert(str_eq(path.organization, STR("acme")) && str_eq(path.client_id, STR("m2m_x")));
	cr_assert_eq(op_find(STR("DELETE"), STR("/admin/organizations/acme/clients/m2m_x/credentials/-a_B"), &path, &allow),
		     &op_specs[OP_REMOVE_CREDENTIAL]);
	cr_assert(str_eq(path.client_id, STR("m2m_x")) && str_eq(path.credential_id, STR("-a_B")));
#define DN "tls_client_auth_subject_dn:CN=a%2Fb,O=Caf%C3%A9%20%2B"
	cr_assert_eq(op_find(STR("GET"), STR("/admin/organizations/acme/clients/m2m_x/credentials/" DN), &path, &allow),
		     &op_specs[OP_GET_CREDENTIAL]);
	cr_assert(str_eq(path.credential_id, STR(DN)), "a transport decodes it");
	cr_assert_null(op_find(STR("GET"), STR("/admin/organizations/acme/clients/m2m_x/credentials/"), &path, &allow));
	cr_assert_null(op_find(STR("GET"), STR("/admin/organizations/a%63me"), &path, &allow));
	cr_assert_eq(op_find(STR("GET"), STR("/admin/organizations"), &path, &allow), &op_specs[OP_LIST_ORGANIZATIONS]);
	cr_assert(path.organization.p == NULL && path.client_id.p == NULL && path.credential_id.p == NULL);
	cr_assert_null(op_find(STR("PUT"), STR("/admin/organizations/acme"), &path, &allow));
	cr_assert_str_eq(allow, "GET, PATCH, DELETE");
	cr_assert_null(op_find(STR("PUT"), STR("/admin/organizations/acme/clients"), &path, &allow));
	cr_assert_str_eq(allow, "GET, POST");
}

Test(op, a_parameter_takes_one_plain_segment)
{
	static const char *const paths[] = {"/admin/organizations/", "/admin/organizations/a%20b", "/admin/organizations/..",
					    "/admin/organizations/a/b", "/admin/organizations/\xff"};
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		const char *allow = "untouched";
		cr_assert_null(op_find(STR("GET"), str_of(paths[i]), &path, &allow), "%s", paths[i]);
		cr_assert_null(allow);
	}
}

Test(op, nothing_stands_beside_the_paths)
{
	static const char *const paths[] = {"",          "/",        "/m2m", "/m2m/", "/m2m/token/", "/M2M/token", "/m2m/token?x",
					    "m2m/token", "/m2m/toke"};
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		const char *allow = "untouched";
		cr_assert_null(op_find(STR("POST"), str_of(paths[i]), &path, &allow), "%s", paths[i]);
		cr_assert_null(allow);
	}
}

Test(op, grpc_methods_are_found_by_their_names)
{
	cr_assert_eq(op_find_grpc(STR("GetClientId")), &op_specs[OP_GET_CLIENT_ID]);
	cr_assert_eq(op_find_grpc(STR("GetClientSecret")), &op_specs[OP_GET_CLIENT_SECRET]);
	cr_assert_eq(op_find_grpc(STR("IssueToken")), &op_specs[OP_ISSUE_TOKEN]);
	cr_assert_eq(op_find_grpc(STR("RotateClientSecret")), &op_specs[OP_ROTATE_SECRET]);
	cr_assert_null(op_find_grpc(STR("issueToken")));
	cr_assert_null(op_find_grpc(STR("")));
	cr_assert_null(op_find_grpc(STR_NONE));
}

/* ---- request ids ---- */

static const char *uuid_text(struct uuid u)
{
	char text[UUID_TEXT_LEN];
	uuid_format(u, text);
	return arena_copy(arena, str_from(text, sizeof text)).p;
}

static void id_is(const struct op *op, const char *id, const char *uuid)
{
	cr_assert(str_eq(op->request_id, str_of(id)), "%.*s", STR_ARG(op->request_id));
	cr_assert_str_eq(uuid_text(op->origin.request_id), uuid);
}

/* The vectors are SHA-256's first sixteen bytes as a UUIDv8, which is what m2m.request_uuid
 * answers in SQL. */
Test(op, a_client_s_request_id_is_kept)
{
	struct op *op = new_op(OP_JWKS);
	op_set_request_id(op, STR("r-1"));
	id_is(op, "r-1", "a5fa777a-3dc6-8268-8aea-6eea038ba141");
	op_set_request_id(op, STR("curl.42_x-Y"));
	id_is(op, "curl.42_x-Y", "86846baf-8616-85d0-939f-37621b66664b");
	op_set_request_id(op, STR("0190A0A0-0000-7000-8000-00000000000A"));
	id_is(op, "0190A0A0-0000-7000-8000-00000000000A", "0190a0a0-0000-7000-8000-00000000000a");
	op_set_request_id(op, STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
	cr_assert_eq(op->request_id.n, 64);
}

/* As where there is no memory for its hash: a row of another id would be nobody's. */
Test(op, without_the_audit_s_id_nothing_is_done)
{
	struct op *op = new_op(OP_JWKS);
	crypto_fini();
	op_set_request_id(op, STR("0190A0A0-0000-7000-8000-00000000000A"));
	cr_expect_eq(op->err, ERR_OK);
	op_set_request_id(op, STR("r-1"));
	cr_expect_eq(op->err, ERR_NO_MEMORY);
	op_run(op);
	cr_assert_eq(replies, 1);
	cr_assert_eq(op->err, ERR_OVERLOADED);
	cr_assert_eq(crypto_init(), ERR_OK);
}

Test(op, an_unfit_request_id_is_replaced)
{
	static const struct str unfit[] = {
		{NULL, 0},  {"", 0},         {"a b", 3},         {"a\0b", 3},
		{"a/b", 3}, {"<script>", 8}, {"caf\xc3\xa9", 5}, {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 65},
	};
	struct op *op = new_op(OP_JWKS);
	struct str before = STR("none");
	for (size_t i = 0; i < sizeof unfit / sizeof *unfit; i++) {
		op_set_request_id(op, unfit[i]);
		cr_assert_eq(op->request_id.n, UUID_TEXT_LEN);
		cr_assert_eq(op->request_id.p[14], '7', "a UUIDv7");
		cr_assert_str_eq(uuid_text(op->origin.request_id), op->request_id.p);
		cr_assert_not(str_eq(op->request_id, before), "another one each time");
		before = op->request_id;
	}
}

/* ---- the driver ---- */

Test(op, one_that_failed_before_it_ran_is_answered_without_a_step)
{
	struct op *op = new_op(OP_ROTATE_SECRET);
	op_fail(op, ERR_UNSUPPORTED_MEDIA_TYPE, NULL);
	op_run(op);
	refused_unasked(op, ERR_UNSUPPORTED_MEDIA_TYPE);
}

Test(op, one_without_an_operation_is_counted_apart)
{
	struct op *op = new_op(OP_JWKS);
	op->spec = NULL;
	op_fail(op, ERR_NOT_FOUND, NULL);
	op_run(op);
	cr_assert_eq(replies, 1);
	cr_assert_eq(counters.outcomes[0][OP_ROW_UNKNOWN][ERR_NOT_FOUND], 1);
	cr_assert_not_null(strstr(logged(), "\"operation\":\"unknown\""));
}

Test(op, a_page_is_counted_apart_from_what_is_nowhere)
{
	struct op *op = new_op(OP_JWKS);
	op->spec = NULL;
	op->pages = true;
	op_fail(op, ERR_METHOD_NOT_ALLOWED, NULL);
	op_run(op);
	cr_assert_eq(counters.outcomes[0][OP_ROW_PAGES][ERR_METHOD_NOT_ALLOWED], 1);
	cr_assert_not_null(strstr(logged(), "\"operation\":\"pages\""));
}

Test(op, only_what_may_pass_says_when_to_come_again)
{
	for (enum err err = ERR_OK + 1; err < ERR_COUNT; err++) {
		struct op *op = new_op(OP_GET_CLIENT_ID);
		op_fail(op, err, NULL);
		op_run(op);
		int http = err_info(op->err)->http;
		cr_assert_eq(op->retry_after != NULL, http == 503 || http == 429, "%s", err_info(err)->code);
	}
}

Test(op, what_only_the_program_understands_is_internal_to_the_client)
{
	static const enum err inner[] = {ERR_MALFORMED, ERR_TOO_LARGE, ERR_NOT_PRESENT, ERR_MISMATCH, ERR_EXISTS, ERR_IO, ERR_CRYPTO};
	for (size_t i = 0; i < sizeof inner / sizeof *inner; i++) {
		struct op *op = new_op(OP_GET_CLIENT_ID);
		op_fail(op, inner[i], NULL);
		op_run(op);
		answered(op, ERR_INTERNAL);
	}
}

Test(op, a_lack_of_memory_asks_to_come_again)
{
	struct op *op = new_op(OP_GET_CLIENT_ID);
	op_fail(op, ERR_NO_MEMORY, NULL);
	op_run(op);
	answered(op, ERR_OVERLOADED);
}

/* A library without memory says that a signature is wrong, a credential absent. */
Test(op, no_refusal_is_believed_that_a_lack_of_memory_may_have_caused)
{
	static const enum err refusals[] = {ERR_INVALID_CLIENT, ERR_INVALID_TOKEN, ERR_UNSUPPORTED_MEDIA_TYPE, ERR_NOT_FOUND, ERR_CRYPTO};
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		struct op *op = new_op(OP_GET_CLIENT_ID);
		starved_note();
		op_fail(op, refusals[i], NULL);
		op_run(op);
		answered(op, ERR_OVERLOADED);
	}
}

/* What could not be written down whole must not go out in part. */
Test(op, a_full_arena_is_an_error_of_ours)
{
	struct op *op = new_op(OP_JWKS);
	cr_assert_null(arena_alloc(op->arena, 8 << 20));
	op_run(op);
	answered(op, ERR_INTERNAL);
}

static bool finds_no_room(struct op *op, void *transport)
{
	(void)op, (void)transport;
	return false;
}

/* Nor is it told as granted, neither to the client nor in the log. */
Test(op, an_answer_that_finds_no_room_is_an_error_of_ours)
{
	struct op *op = new_op(OP_JWKS);
	op->compose = finds_no_room;
	op_run(op);
	answered(op, ERR_INTERNAL);
}

/* A registration whose claims found no room would be one without claims. */
Test(op, what_was_not_decoded_whole_is_not_done)
{
	struct op *op = new_op(OP_ADD_CREDENTIAL);
	op->in.bearer = token_from(operator_claims());
	cr_assert_null(arena_alloc(op->arena, 8 << 20));
	op_run(op);
	refused_unasked(op, ERR_INTERNAL);
	op = new_op(OP_ADD_CREDENTIAL);
	cr_assert_null(arena_alloc(op->arena, 8 << 20));
	starved_note();
	op_run(op);
	refused_unasked(op, ERR_OVERLOADED);
}

Test(op, refusals_of_credentials_are_counted_and_others_not)
{
	for (enum err err = ERR_OK + 1; err < ERR_COUNT; err++) {
		struct op *op = new_op(OP_GET_CLIENT_ID);
		store.denied = 0;
		op_fail(op, err, NULL);
		op_run(op);
		bool counts = err == ERR_INVALID_CLIENT || err == ERR_INVALID_GRANT || err == ERR_ASSERTION_REPLAYED ||
			      err == ERR_AUTH_METHOD_NOT_ALLOWED || err == ERR_PROOF_REPLAYED || err == ERR_INVALID_TOKEN ||
			      err == ERR_NETWORK_NOT_ALLOWED || err == ERR_FORBIDDEN;
		cr_assert_eq(store.denied, counts, "%s", err_info(err)->code);
		if (counts)
			cr_assert_str_eq(store.denied_reason, err_info(err)->code);
	}
	cr_assert_str_eq(store.denied_addr, "192.0.2.7");
	cr_assert_str_eq(store.denied_client, "", "nobody was known");
}

Test(op, the_access_line_tells_who_what_and_how_it_ended)
{
	struct op *op = new_op(OP_GET_CLIENT_ID);
	op->in.bearer = token_from(client_claims());
	op_run(op);
	struct credential c = credential_of("k2", 3);
	fake_answer(&store, ERR_OK, &c);
	const char *line = strstr(logged(), "\"event\"");
	cr_assert_str_eq(line, "\"event\":\"access\",\"request_id\":\"r-1\",\"operation\":\"get_client_id\",\"transport\":\"rest\","
			       "\"organization_id\":\"" ORGANIZATION "\",\"client_id\":\"" CLIENT "\",\"caller\":\"" CLIENT "\","
			       "\"remote_addr\":\"192.0.2.7\",\"outcome\":\"granted\",\"status\":200,\"duration_us\":0}\n");
}

/* Someone may paste a secret where the client id belongs. */
Test(op, a_strange_client_id_is_not_logged)
{
	struct op *op = new_op(OP_OAUTH_TOKEN);
	op->in = (struct op_input){
		.grant_type = STR("client_credentials"), .client_id = secret_of("k2", 3), .client_secret = secret_of("k2", 3)};
	op_run(op);
	refused_unasked(op, ERR_INVALID_CLIENT);
	cr_assert_null(strstr(logged(), "m2ms_"));
	cr_assert_str_eq(store.denied_client, "");
}
