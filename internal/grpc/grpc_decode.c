/* The message is checked first (pb_check.h), then unpacked into the op's arena, where op->in
 * borrows its strings: nothing is copied twice, and nothing is freed before the op. */
#include "grpc/grpc_decode.h"

#include <inttypes.h>
#include <stdio.h>

#include "grpc/pb_check.h"
#include "grpc/pb_memory.h"
#include "m2m/v1/m2m.pb-c.h"
#include "op/op_input.h"
#include "op/portal.h"

static const struct str service = STR("/m2m.v1.M2MClients/");

const struct op_spec *grpc_find_op(struct str path)
{
	if (!str_starts(path, service))
		return NULL;
	return op_find_grpc(str_from(path.p + service.n, path.n - service.n));
}

/* NULL: the op has failed. */
static const void *unpack(struct op *op, const ProtobufCMessageDescriptor *type, struct str message)
{
	enum err err = pb_check(type, message);
	if (err != ERR_OK) {
		if (err == ERR_TOO_LARGE)
			op_fail(op, ERR_BODY_TOO_LARGE, "The request message has too many fields.");
		else
			op_fail(op, ERR_MALFORMED_MESSAGE, NULL);
		return NULL;
	}
	ProtobufCAllocator memory = pb_memory(op->arena);
	const void *m = protobuf_c_message_unpack(type, &memory, message.n, (const uint8_t *)message.p);
	if (m == NULL)
		op_fail(op, arena_overflowed(op->arena) ? ERR_NO_MEMORY : ERR_MALFORMED_MESSAGE, NULL);
	return m;
}

/* A field that this contract doesn't have: of a client with a newer one. Where passing over it
 * would make an act a greater one (a grace that isn't kept) or a search a wider one, it is
 * refused; proto3 would not. */
static bool has_unknown(struct op *op, const ProtobufCMessage *m)
{
	char number[12];
	if (op->err != ERR_OK || m == NULL || m->n_unknown_fields == 0)
		return op->err != ERR_OK;
	snprintf(number, sizeof number, "%" PRIu32, m->unknown_fields[0].tag);
	op_refuse_name(op, "This operation doesn't know the field ", str_of(number), " of its message.");
	return true;
}

/* proto3 doesn't tell an empty string from none. */
static struct str given(const char *z)
{
	return z[0] == '\0' ? STR_NONE : str_of(z);
}

/* How a client authenticates itself: with its secret, or as RFC 7521 section 4.2 says. */
static void take_client(struct op *op, const char *id, const char *secret, const char *assertion, const char *assertion_type)
{
	op->in.client_id = given(id);
	op->in.client_secret = given(secret);
	op->in.client_assertion = given(assertion);
	op->in.client_assertion_type = given(assertion_type);
}

static void decode_grant(struct op *op, struct str message)
{
	arena_wipe_on_free(op->arena); /* a secret is in there from now on */
	const M2m__V1__IssueTokenRequest *m = unpack(op, &m2m__v1__issue_token_request__descriptor, message);
	if (m == NULL)
		return;
	op->in.grant_type = given(m->grant_type);
	op->in.scope = given(m->scope);
	op->in.audience = given(m->audience);
	take_client(op, m->client_id, m->client_secret, m->client_assertion, m->client_assertion_type);
	for (size_t i = 0; i < m->n_resource; i++) {
		struct str one = str_of(m->resource[i]);
		op->in.resource = i == 0 ? one : arena_printf(op->arena, "%.*s %.*s", STR_ARG(op->in.resource), STR_ARG(one));
	}
}

/* Microseconds since 1970; 0 for none, negative for one that op refuses. */
static int64_t time_of(const Google__Protobuf__Timestamp *t)
{
	const int64_t last_second = INT64_C(253402300799); /* 9999-12-31T23:59:59Z */
	if (t == NULL)
		return 0;
	if (t->seconds < 0 || t->seconds > last_second || t->nanos < 0 || t->nanos > 999999999)
		return -1;
	return t->seconds * 1000000 + t->nanos / 1000;
}

static void decode_rotate(struct op *op, struct str message)
{
	const M2m__V1__RotateClientSecretRequest *m = unpack(op, &m2m__v1__rotate_client_secret_request__descriptor, message);
	if (m == NULL || has_unknown(op, &m->base))
		return;
	if (m->grace_seconds != 0 || m->until_unused_seconds == 0)
		op_set_grace(op, m->grace_seconds);
	if (m->until_unused_seconds != 0)
		op_set_until_unused(op, m->until_unused_seconds);
	if (m->at_most_seconds != 0)
		op_set_at_most(op, m->at_most_seconds);
	op->in.revoke_tokens = m->revoke_tokens;
	op->in.secret_end = (struct secret_end){m->expires_in, time_of(m->expires_at)};
}

static void decode_prolong(struct op *op, struct str message)
{
	const M2m__V1__ProlongRotationRequest *m = unpack(op, &m2m__v1__prolong_rotation_request__descriptor, message);
	if (m == NULL || has_unknown(op, &m->base))
		return;
	op_set_prolonged(op, m->grace_seconds);
	if (m->secret_version != 0)
		op_set_secret_version(op, m->secret_version);
}

static void decode_cancel(struct op *op, struct str message)
{
	const M2m__V1__CancelRotationRequest *m = unpack(op, &m2m__v1__cancel_rotation_request__descriptor, message);
	if (m == NULL || has_unknown(op, &m->base))
		return;
	if (m->secret_version != 0)
		op_set_secret_version(op, m->secret_version);
}

static void decode_portal_link(struct op *op, struct str message)
{
	const M2m__V1__CreatePortalLinkRequest *m = unpack(op, &m2m__v1__create_portal_link_request__descriptor, message);
	struct op_portal *portal = m == NULL || has_unknown(op, &m->base) ? NULL : op_portal_of(op);
	if (portal == NULL)
		return;
	op->in.organization = given(m->organization);
	portal->link = (struct portal_link_spec){.actor = given(m->actor), .return_url = given(m->return_url), .ttl = m->ttl};
	for (size_t i = 0; i < m->n_may; i++) {
		unsigned right = portal_right_of(str_of(m->may[i]));
		if (right == 0)
			op_fail(op, ERR_INVALID_REQUEST, "may has words of " PORTAL_RIGHTS_TEXT ".");
		portal->link.may |= right;
	}
}

static void decode_portal_end(struct op *op, struct str message)
{
	const M2m__V1__EndPortalSessionRequest *m = unpack(op, &m2m__v1__end_portal_session_request__descriptor, message);
	if (m == NULL || has_unknown(op, &m->base) || op_portal_of(op) == NULL)
		return;
	op->in.organization = given(m->organization);
	op->portal->session_id = given(m->session_id);
}

static void decode_introspect(struct op *op, struct str message)
{
	arena_wipe_on_free(op->arena);
	const M2m__V1__IntrospectTokenRequest *m = unpack(op, &m2m__v1__introspect_token_request__descriptor, message);
	if (m == NULL)
		return;
	op->in.token = given(m->token);
	take_client(op, m->client_id, m->client_secret, m->client_assertion, m->client_assertion_type);
}

static void decode_revoke(struct op *op, struct str message)
{
	arena_wipe_on_free(op->arena);
	const M2m__V1__RevokeTokenRequest *m = unpack(op, &m2m__v1__revoke_token_request__descriptor, message);
	if (m == NULL)
		return;
	op->in.token = given(m->token);
	take_client(op, m->client_id, m->client_secret, m->client_assertion, m->client_assertion_type);
}

static void decode_token_list(struct op *op, struct str message)
{
	const M2m__V1__ListTokenAuditRequest *m = unpack(op, &m2m__v1__list_token_audit_request__descriptor, message);
	if (m == NULL || has_unknown(op, &m->base))
		return;
	op->in.client_id = given(m->client_id);
	op->in.jti = given(m->jti);
	op->in.secret_version = m->secret_version;
	op->in.auth_method = given(m->auth_method);
	op->in.credential = given(m->credential);
	op->in.remote_addr = given(m->remote_addr);
	op->in.issued_after = time_of(m->issued_after);
	op->in.issued_before = time_of(m->issued_before);
	op->in.page_size = m->page_size;
	op->in.page_token = given(m->page_token);
}

static void decode_acts(struct op *op, struct str message)
{
	const M2m__V1__ListActsRequest *m = unpack(op, &m2m__v1__list_acts_request__descriptor, message);
	if (m == NULL || has_unknown(op, &m->base))
		return;
	op->in.client_id = given(m->client_id);
	op->in.action = given(m->action);
	op->in.actor = given(m->actor);
	op->in.outcome = given(m->outcome);
	op->in.issued_after = time_of(m->done_after);
	op->in.issued_before = time_of(m->done_before);
	op->in.page_size = m->page_size;
	op->in.page_token = given(m->page_token);
}

static void decode_sums(struct op *op, struct str message)
{
	const M2m__V1__SumTokensRequest *m = unpack(op, &m2m__v1__sum_tokens_request__descriptor, message);
	if (m == NULL || has_unknown(op, &m->base))
		return;
	op->in.by = given(m->by);
	op->in.client_id = given(m->client_id);
	op->in.issued_after = time_of(m->issued_after);
	op->in.issued_before = time_of(m->issued_before);
	op->in.time_zone = given(m->time_zone);
}

void grpc_decode(struct op *op, struct str message)
{
	if (op->err != ERR_OK)
		return;
	switch (op->spec->id) {
	case OP_GET_CLIENT_ID:
		unpack(op, &m2m__v1__get_client_id_request__descriptor, message);
		break;
	case OP_GET_CLIENT_SECRET:
		unpack(op, &m2m__v1__get_client_secret_request__descriptor, message);
		break;
	case OP_ISSUE_TOKEN:
		decode_grant(op, message);
		break;
	case OP_ROTATE_SECRET:
		decode_rotate(op, message);
		break;
	case OP_LIST_SECRETS:
		unpack(op, &m2m__v1__list_secrets_request__descriptor, message);
		break;
	case OP_GET_ROTATION:
		unpack(op, &m2m__v1__get_rotation_request__descriptor, message);
		break;
	case OP_PROLONG_ROTATION:
		decode_prolong(op, message);
		break;
	case OP_CANCEL_ROTATION:
		decode_cancel(op, message);
		break;
	case OP_CREATE_PORTAL_LINK:
		decode_portal_link(op, message);
		break;
	case OP_END_PORTAL_SESSION:
		decode_portal_end(op, message);
		break;
	case OP_INTROSPECT_TOKEN:
		decode_introspect(op, message);
		break;
	case OP_REVOKE_TOKEN:
		decode_revoke(op, message);
		break;
	case OP_LIST_TOKEN_AUDIT:
		decode_token_list(op, message);
		break;
	case OP_LIST_ACTS:
		decode_acts(op, message);
		break;
	case OP_SUM_TOKENS:
		decode_sums(op, message);
		break;
	default: /* REST only: grpc_find_op doesn't find it */
		break;
	}
}
