/* One writer per operation: op->out becomes a message on the stack, whose strings stand in the
 * op's arena, and is packed there straight behind its prefix. An error is packed inside out:
 * details into Any, these into Status, that into base64. Failures of the arena are sticky
 * (base/arena.h), so that only the last allocation is looked at. */
#include "grpc/grpc_encode.h"

#include "base/base64.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "grpc/grpc_reader.h"
#include "grpc/gzip.h"
#include "m2m/v1/m2m.pb-c.h"
#include "op/portal.h"

#define ERROR_DOMAIN    STR("m2m-gateway")
#define ERROR_INFO_TYPE STR("type.googleapis.com/google.rpc.ErrorInfo")
#define RETRY_INFO_TYPE STR("type.googleapis.com/google.rpc.RetryInfo")
#define RETRY_MAX       86400 /* seconds */

/* protobuf-c wants a NUL, which not every str has behind it. */
static char *text(struct arena *a, struct str s)
{
	return (char *)arena_copy(a, s).p;
}

/* proto3 has no null: what is absent is empty. */
static char *text_or_empty(struct arena *a, struct str s)
{
	return text(a, s.p == NULL ? STR("") : s);
}

/* Leaves `reserve` bytes before the message. Absent: out of memory. */
static struct str pack(struct arena *a, const ProtobufCMessage *m, size_t reserve)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	uint8_t *bytes = arena_room(a, reserve + n);
	if (bytes == NULL)
		return STR_NONE;
	protobuf_c_message_pack(m, bytes + reserve);
	return str_from(bytes + reserve, n);
}

/* ---- replies ---- */

static Google__Protobuf__Timestamp timestamp(int64_t us)
{
	const int64_t second = 1000000;
	Google__Protobuf__Timestamp t = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	int64_t rest = us % second;
	t.seconds = us / second;
	if (rest < 0) { /* nanos count forward, also before 1970 */
		rest += second;
		t.seconds--;
	}
	t.nanos = (int32_t)rest * 1000;
	return t;
}

/* The message with its Length-Prefixed-Message header (grpc_reader.h). */
static struct str frame(struct op *op, const ProtobufCMessage *m, bool gzip)
{
	struct str message = pack(op->arena, m, GRPC_PREFIX_LEN);
	if (gzip && message.p != NULL)
		message = gzip_deflate(op->arena, message, GRPC_PREFIX_LEN);
	if (message.p == NULL)
		return STR_NONE;
	uint8_t *prefix = (uint8_t *)message.p - GRPC_PREFIX_LEN;
	prefix[0] = gzip ? 1 : 0;
	prefix[1] = (uint8_t)(message.n >> 24);
	prefix[2] = (uint8_t)(message.n >> 16);
	prefix[3] = (uint8_t)(message.n >> 8);
	prefix[4] = (uint8_t)message.n;
	return str_from(prefix, GRPC_PREFIX_LEN + message.n);
}

static struct str encode_client_id(struct op *op, bool gzip)
{
	M2m__V1__GetClientIdResponse m = M2M__V1__GET_CLIENT_ID_RESPONSE__INIT;
	m.client_id = text(op->arena, op->out.client_id);
	return frame(op, &m.base, gzip);
}

static struct str encode_client_secret(struct op *op, bool gzip)
{
	M2m__V1__GetClientSecretResponse m = M2M__V1__GET_CLIENT_SECRET_RESPONSE__INIT;
	Google__Protobuf__Timestamp created = timestamp(op->out.created_us);
	Google__Protobuf__Timestamp expires = timestamp(op->out.expires_us);
	arena_wipe_on_free(op->arena);
	m.client_id = text(op->arena, op->out.client_id);
	m.client_secret = text(op->arena, op->out.client_secret);
	m.version = op->out.version;
	m.created_at = &created;
	if (op->out.expires_us != 0)
		m.expires_at = &expires;
	return frame(op, &m.base, gzip);
}

static struct str encode_token(struct op *op, bool gzip)
{
	M2m__V1__IssueTokenResponse m = M2M__V1__ISSUE_TOKEN_RESPONSE__INIT;
	arena_wipe_on_free(op->arena);
	m.access_token = text(op->arena, op->out.access_token);
	m.token_type = text(op->arena, op->out.token_needs_proof ? STR("DPoP") : STR("Bearer"));
	m.expires_in = op->out.expires_in;
	m.scope = text(op->arena, op->out.scope);
	return frame(op, &m.base, gzip);
}

static struct str encode_rotation(struct op *op, bool gzip)
{
	M2m__V1__RotateClientSecretResponse m = M2M__V1__ROTATE_CLIENT_SECRET_RESPONSE__INIT;
	Google__Protobuf__Timestamp rotated = timestamp(op->out.rotated_us);
	Google__Protobuf__Timestamp expires = timestamp(op->out.expires_us);
	Google__Protobuf__Timestamp previous_expires = timestamp(op->out.previous_expires_us);
	arena_wipe_on_free(op->arena);
	m.client_id = text(op->arena, op->out.client_id);
	m.client_secret = text(op->arena, op->out.client_secret);
	m.version = op->out.version;
	m.rotated_at = &rotated;
	m.previous_secret_expires_at = &previous_expires;
	if (op->out.expires_us != 0)
		m.expires_at = &expires;
	m.previous_secret_unused_for = op->out.previous_unused_for;
	return frame(op, &m.base, gzip);
}

/* RFC 9449 section 6.2, RFC 8705 section 3.2 */
static void put_confirmation(struct arena *a, struct str bound_to, M2m__V1__TokenConfirmation *m)
{
	struct str value = bound_to;
	struct str member = str_split(&value, ':');
	if (str_eq(member, STR("jkt")))
		m->jkt = text(a, value);
	else
		m->x5t_s256 = text(a, value);
}

static struct str encode_introspected(struct op *op, bool gzip)
{
	const struct introspected *t = &op->out.introspected;
	M2m__V1__IntrospectTokenResponse m = M2M__V1__INTROSPECT_TOKEN_RESPONSE__INIT;
	M2m__V1__TokenConfirmation cnf = M2M__V1__TOKEN_CONFIRMATION__INIT;
	struct str audience = t->audience;
	size_t cap = audience.n + 1; /* more than there are words */
	char **words = t->active ? arena_alloc(op->arena, cap * sizeof *words) : NULL;
	if (!t->active)
		return frame(op, &m.base, gzip);
	for (struct str word; words != NULL && (word = str_split(&audience, ' ')).p != NULL;)
		words[m.n_aud++] = text(op->arena, word);
	m.active = 1;
	m.aud = words;
	m.scope = text_or_empty(op->arena, t->scope);
	m.client_id = text_or_empty(op->arena, t->client_id);
	m.token_type = text(op->arena, str_starts(t->bound_to, STR("jkt:")) ? STR("DPoP") : STR("Bearer"));
	m.exp = t->expires_at;
	m.iat = t->issued_at;
	m.sub = text_or_empty(op->arena, t->subject);
	m.iss = text_or_empty(op->arena, t->issuer);
	m.jti = text_or_empty(op->arena, t->jti);
	m.organization_id = text_or_empty(op->arena, t->organization_id);
	if (t->bound_to.n > 0) {
		put_confirmation(op->arena, t->bound_to, &cnf);
		m.cnf = &cnf;
	}
	return arena_overflowed(op->arena) ? STR_NONE : frame(op, &m.base, gzip);
}

static struct str encode_revoked(struct op *op, bool gzip)
{
	M2m__V1__RevokeTokenResponse m = M2M__V1__REVOKE_TOKEN_RESPONSE__INIT;
	return frame(op, &m.base, gzip);
}

static struct str encode_portal_link(struct op *op, bool gzip)
{
	M2m__V1__CreatePortalLinkResponse m = M2M__V1__CREATE_PORTAL_LINK_RESPONSE__INIT;
	Google__Protobuf__Timestamp expires = timestamp(op->portal->expires_at);
	m.url = text(op->arena, op->portal->url);
	m.expires_at = &expires;
	return frame(op, &m.base, gzip);
}

static struct str encode_portal_end(struct op *op, bool gzip)
{
	M2m__V1__EndPortalSessionResponse m = M2M__V1__END_PORTAL_SESSION_RESPONSE__INIT;
	return frame(op, &m.base, gzip);
}

/* A message and the two that it points to. */
struct token_message {
	M2m__V1__AuditedToken m;
	Google__Protobuf__Timestamp issued, expires;
};

static char *uuid_text(struct arena *a, struct uuid id)
{
	char out[UUID_TEXT_LEN];
	uuid_format(id, out);
	return text(a, str_from(out, sizeof out));
}

static void put_token(struct arena *a, const struct listed_token *t, struct token_message *ret)
{
	ret->m = (M2m__V1__AuditedToken)M2M__V1__AUDITED_TOKEN__INIT;
	ret->issued = timestamp(t->issued_at);
	ret->expires = timestamp(t->expires_at);
	ret->m.jti = uuid_text(a, t->jti);
	ret->m.issued_at = &ret->issued;
	ret->m.expires_at = &ret->expires;
	ret->m.client_id = text_or_empty(a, t->client_id);
	ret->m.secret_version = t->secret_version;
	ret->m.kid = text_or_empty(a, t->kid);
	ret->m.caller = text_or_empty(a, t->caller);
	ret->m.scope = text_or_empty(a, t->scope);
	ret->m.audience = text_or_empty(a, t->audience);
	ret->m.transport = text(a, str_of(op_transport_name(t->transport)));
	ret->m.remote_addr = text_or_empty(a, t->remote_addr);
	ret->m.user_agent = text_or_empty(a, t->user_agent);
	ret->m.request_id = uuid_text(a, t->request_id);
	ret->m.auth_method = text_or_empty(a, t->auth_method);
	ret->m.credential = text_or_empty(a, t->credential);
	ret->m.bound_to = text_or_empty(a, t->bound_to);
}

static struct str encode_tokens(struct op *op, bool gzip)
{
	M2m__V1__ListTokenAuditResponse m = M2M__V1__LIST_TOKEN_AUDIT_RESPONSE__INIT;
	size_t n = op->out.rows;
	struct token_message *messages = arena_alloc(op->arena, n * sizeof *messages);
	M2m__V1__AuditedToken **list = arena_alloc(op->arena, n * sizeof *list);
	if (messages == NULL || list == NULL)
		return STR_NONE;
	for (size_t i = 0; i < n; i++) {
		put_token(op->arena, &op->out.tokens[i], &messages[i]);
		list[i] = &messages[i].m;
	}
	m.tokens = list;
	m.n_tokens = n;
	m.next_page_token = text_or_empty(op->arena, op->out.next_page_token);
	return arena_overflowed(op->arena) ? STR_NONE : frame(op, &m.base, gzip);
}

/* ---- acts and sums ---- */

struct act_message {
	M2m__V1__Act m;
	Google__Protobuf__Timestamp done;
};

static void put_act(struct arena *a, const struct listed_act *act, struct act_message *ret)
{
	ret->m = (M2m__V1__Act)M2M__V1__ACT__INIT;
	ret->done = timestamp(act->done_at);
	ret->m.act_id = uuid_text(a, act->act_id);
	ret->m.done_at = &ret->done;
	ret->m.action = text_or_empty(a, act->action);
	ret->m.outcome = text_or_empty(a, act->outcome);
	ret->m.actor = text_or_empty(a, act->actor);
	ret->m.client_id = text_or_empty(a, act->client_id);
	ret->m.secret_version = act->secret_version;
	ret->m.detail = text(a, act->detail.p == NULL ? STR("{}") : act->detail);
	ret->m.remote_addr = text_or_empty(a, act->remote_addr);
	ret->m.user_agent = text_or_empty(a, act->user_agent);
	ret->m.request_id = act->has_request_id ? uuid_text(a, act->request_id) : text(a, STR(""));
	ret->m.transport = text(a, str_of(op_transport_name(act->transport)));
}

static struct str encode_acts(struct op *op, bool gzip)
{
	M2m__V1__ListActsResponse m = M2M__V1__LIST_ACTS_RESPONSE__INIT;
	size_t n = op->out.rows;
	struct act_message *messages = arena_alloc(op->arena, (n + 1) * sizeof *messages);
	M2m__V1__Act **list = arena_alloc(op->arena, (n + 1) * sizeof *list);
	if (messages == NULL || list == NULL)
		return STR_NONE;
	for (size_t i = 0; i < n; i++) {
		put_act(op->arena, &op->out.acts[i], &messages[i]);
		list[i] = &messages[i].m;
	}
	m.acts = list;
	m.n_acts = n;
	m.next_page_token = text_or_empty(op->arena, op->out.next_page_token);
	return arena_overflowed(op->arena) ? STR_NONE : frame(op, &m.base, gzip);
}

struct sum_message {
	M2m__V1__TokenSum m;
	Google__Protobuf__Timestamp at;
};

static void put_sum(struct arena *a, struct str by, const struct token_sum *sum, struct sum_message *ret)
{
	int64_t version = 0;
	ret->m = (M2m__V1__TokenSum)M2M__V1__TOKEN_SUM__INIT;
	ret->at = timestamp(sum->at);
	ret->m.tokens = sum->tokens;
	if (str_eq(by, STR("client")))
		ret->m.client_id = text_or_empty(a, sum->name);
	else if (str_eq(by, STR("address")))
		ret->m.remote_addr = text_or_empty(a, sum->name);
	else if (!str_eq(by, STR("version")))
		ret->m.at = &ret->at;
	else if (sum->name.p != NULL && str_to_i64(sum->name, 1, INT32_MAX, &version) == ERR_OK)
		ret->m.secret_version = (int32_t)version;
}

static struct str encode_sums(struct op *op, bool gzip)
{
	M2m__V1__SumTokensResponse m = M2M__V1__SUM_TOKENS_RESPONSE__INIT;
	Google__Protobuf__Timestamp after = timestamp(op->in.issued_after);
	Google__Protobuf__Timestamp before = timestamp(op->in.issued_before);
	size_t n = op->out.rows;
	struct sum_message *messages = arena_alloc(op->arena, (n + 1) * sizeof *messages);
	M2m__V1__TokenSum **list = arena_alloc(op->arena, (n + 1) * sizeof *list);
	if (messages == NULL || list == NULL)
		return STR_NONE;
	for (size_t i = 0; i < n; i++) {
		put_sum(op->arena, op->in.by, &op->out.sums[i], &messages[i]);
		list[i] = &messages[i].m;
	}
	m.by = text(op->arena, op->in.by);
	m.issued_after = &after;
	m.issued_before = &before;
	m.sums = list;
	m.n_sums = n;
	m.others = op->out.others;
	return arena_overflowed(op->arena) ? STR_NONE : frame(op, &m.base, gzip);
}

/* A message and those that it points to. */
struct secret_message {
	M2m__V1__LiveSecret m;
	M2m__V1__LastUse use;
	Google__Protobuf__Timestamp created, expires, used, unknown;
};

static Google__Protobuf__Timestamp *time_or_none(int64_t us, Google__Protobuf__Timestamp *at)
{
	*at = timestamp(us);
	return us == 0 ? NULL : at;
}

static void put_secret(struct arena *a, const struct registered_credential *k, struct secret_message *ret)
{
	int64_t version = 0;
	(void)!str_to_i64(k->credential_id, 1, INT32_MAX, &version);
	ret->m = (M2m__V1__LiveSecret)M2M__V1__LIVE_SECRET__INIT;
	ret->use = (M2m__V1__LastUse)M2M__V1__LAST_USE__INIT;
	ret->m.version = (int32_t)version;
	ret->m.hint = text_or_empty(a, k->hint);
	ret->m.created_by = text_or_empty(a, k->created_by);
	ret->m.created_at = time_or_none(k->created_at, &ret->created);
	ret->m.expires_at = time_or_none(k->expires_at, &ret->expires);
	ret->m.last_use = &ret->use;
	ret->use.at = time_or_none(k->last_use.at, &ret->used);
	ret->use.remote_addr = text_or_empty(a, k->last_use.remote_addr);
	ret->use.user_agent = text_or_empty(a, k->last_use.user_agent);
	ret->use.unknown_until = time_or_none(k->last_use.unknown_until, &ret->unknown);
}

static struct str encode_secrets(struct op *op, bool gzip)
{
	M2m__V1__ListSecretsResponse m = M2M__V1__LIST_SECRETS_RESPONSE__INIT;
	size_t n = op->out.rows;
	struct secret_message *messages = arena_alloc(op->arena, (n + 1) * sizeof *messages);
	M2m__V1__LiveSecret **list = arena_alloc(op->arena, (n + 1) * sizeof *list);
	if (messages == NULL || list == NULL)
		return STR_NONE;
	for (size_t i = 0; i < n; i++) {
		put_secret(op->arena, &op->out.credentials[i], &messages[i]);
		list[i] = &messages[i].m;
	}
	m.secrets = list;
	m.n_secrets = n;
	return arena_overflowed(op->arena) ? STR_NONE : frame(op, &m.base, gzip);
}

/* ---- replaced secrets ---- */

struct user_message {
	M2m__V1__SecretUser m;
	Google__Protobuf__Timestamp first, last;
};

struct grace_message {
	M2m__V1__SecretInGrace m;
	Google__Protobuf__Timestamp created, replaced, expires, counted_since;
};

static void put_users(struct arena *a, const struct secret_in_grace *s, M2m__V1__SecretInGrace *m)
{
	struct user_message *messages = arena_alloc(a, s->users_n * sizeof *messages);
	m->used_by = arena_alloc(a, s->users_n * sizeof *m->used_by);
	for (size_t i = 0; messages != NULL && m->used_by != NULL && i < s->users_n; i++) {
		const struct secret_user *u = &s->users[i];
		struct user_message *to = &messages[i];
		*to = (struct user_message){
			.m = M2M__V1__SECRET_USER__INIT, .first = timestamp(u->first_issued_at), .last = timestamp(u->last_issued_at)};
		to->m.remote_addr = text_or_empty(a, u->remote_addr);
		to->m.user_agent = text_or_empty(a, u->user_agent);
		to->m.tokens = u->tokens;
		to->m.first_issued_at = &to->first;
		to->m.last_issued_at = &to->last;
		m->used_by[m->n_used_by++] = &to->m;
	}
}

static void put_secret_in_grace(struct arena *a, const struct secret_in_grace *s, struct grace_message *ret)
{
	*ret = (struct grace_message){.m = M2M__V1__SECRET_IN_GRACE__INIT,
				      .created = timestamp(s->created_at),
				      .replaced = timestamp(s->replaced_at),
				      .expires = timestamp(s->expires_at),
				      .counted_since = timestamp(s->counted_since)};
	ret->m.version = s->version;
	ret->m.hint = text_or_empty(a, s->hint);
	ret->m.created_at = &ret->created;
	ret->m.replaced_at = &ret->replaced;
	ret->m.expires_at = &ret->expires;
	ret->m.unused_for = s->unused_for;
	if (s->counted_since != 0)
		ret->m.counted_since = &ret->counted_since;
	put_users(a, s, &ret->m);
}

/* The three operations answer messages of the same fields. */
static struct str encode_secrets_in_grace(struct op *op, bool gzip)
{
	M2m__V1__GetRotationResponse m = M2M__V1__GET_ROTATION_RESPONSE__INIT;
	size_t n = op->out.rows;
	struct grace_message *messages = arena_alloc(op->arena, n * sizeof *messages);
	M2m__V1__SecretInGrace **list = arena_alloc(op->arena, n * sizeof *list);
	if (messages == NULL || list == NULL)
		return STR_NONE;
	for (size_t i = 0; i < n; i++) {
		put_secret_in_grace(op->arena, &op->out.secrets_in_grace[i], &messages[i]);
		list[i] = &messages[i].m;
	}
	m.client_id = text_or_empty(op->arena, op->out.client_id);
	m.previous_secrets = list;
	m.n_previous_secrets = n;
	return arena_overflowed(op->arena) ? STR_NONE : frame(op, &m.base, gzip);
}

struct str grpc_encode(struct op *op, bool gzip)
{
	switch (op->spec->id) {
	case OP_GET_CLIENT_ID:
		return encode_client_id(op, gzip);
	case OP_GET_CLIENT_SECRET:
		return encode_client_secret(op, gzip);
	case OP_ISSUE_TOKEN:
		return encode_token(op, gzip);
	case OP_ROTATE_SECRET:
		return encode_rotation(op, gzip);
	case OP_LIST_SECRETS:
		return encode_secrets(op, gzip);
	case OP_GET_ROTATION:
	case OP_PROLONG_ROTATION:
	case OP_CANCEL_ROTATION:
		return encode_secrets_in_grace(op, gzip);
	case OP_INTROSPECT_TOKEN:
		return encode_introspected(op, gzip);
	case OP_CREATE_PORTAL_LINK:
		return encode_portal_link(op, gzip);
	case OP_END_PORTAL_SESSION:
		return encode_portal_end(op, gzip);
	case OP_REVOKE_TOKEN:
		return encode_revoked(op, gzip);
	case OP_LIST_TOKEN_AUDIT:
		return encode_tokens(op, gzip);
	case OP_LIST_ACTS:
		return encode_acts(op, gzip);
	case OP_SUM_TOKENS:
		return encode_sums(op, gzip);
	default: /* REST only: no call leads here */
		return STR_NONE;
	}
}

/* ---- errors ---- */

struct grpc_error grpc_error_of(const struct op *op)
{
	return (struct grpc_error){
		.err = op->err,
		.text = str_of(op->err_detail != NULL ? op->err_detail : err_info(op->err)->text),
		.request_id = op->request_id,
		.retry_after = op->retry_after,
	};
}

static Google__Protobuf__Any any_of(struct arena *a, struct str type_url, const ProtobufCMessage *m)
{
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	struct str value = pack(a, m, 0);
	any.type_url = text(a, type_url);
	any.value = (ProtobufCBinaryData){value.n, (uint8_t *)value.p};
	return any;
}

static Google__Protobuf__Any error_info(struct arena *a, enum err err, struct str request_id)
{
	Google__Rpc__ErrorInfo m = GOOGLE__RPC__ERROR_INFO__INIT;
	Google__Rpc__ErrorInfo__MetadataEntry entry = GOOGLE__RPC__ERROR_INFO__METADATA_ENTRY__INIT;
	Google__Rpc__ErrorInfo__MetadataEntry *metadata[] = {&entry};
	entry.key = text(a, STR("request_id"));
	entry.value = text(a, request_id);
	m.reason = text(a, str_of(err_info(err)->code));
	m.domain = text(a, ERROR_DOMAIN);
	m.metadata = metadata;
	m.n_metadata = 1;
	return any_of(a, ERROR_INFO_TYPE, &m.base);
}

static Google__Protobuf__Any retry_info(struct arena *a, int64_t seconds)
{
	Google__Rpc__RetryInfo m = GOOGLE__RPC__RETRY_INFO__INIT;
	Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
	delay.seconds = seconds;
	m.retry_delay = &delay;
	return any_of(a, RETRY_INFO_TYPE, &m.base);
}

/* base64.h writes base64url, which differs from what -bin metadata takes in its last two letters
 * only. */
static struct str base64_unpadded(struct arena *a, struct str bytes)
{
	char *out = arena_alloc(a, BASE64URL_LEN(bytes.n));
	if (bytes.p == NULL || out == NULL)
		return STR_NONE;
	size_t n = base64url_encode(out, bytes.p, bytes.n);
	for (size_t i = 0; i < n; i++) {
		if (out[i] == '-')
			out[i] = '+';
		else if (out[i] == '_')
			out[i] = '/';
	}
	return str_from(out, n);
}

struct str grpc_encode_details(struct arena *a, const struct grpc_error *error)
{
	Google__Rpc__Status m = GOOGLE__RPC__STATUS__INIT;
	Google__Protobuf__Any info = error_info(a, error->err, error->request_id);
	Google__Protobuf__Any retry = GOOGLE__PROTOBUF__ANY__INIT;
	Google__Protobuf__Any *details[] = {&info, &retry};
	int64_t seconds = 0;
	m.code = err_info(error->err)->grpc;
	m.message = text(a, error->text);
	m.details = details;
	m.n_details = 1;
	if (error->retry_after != NULL && str_to_i64(str_of(error->retry_after), 0, RETRY_MAX, &seconds) == ERR_OK) {
		retry = retry_info(a, seconds);
		m.n_details = 2;
	}
	return base64_unpadded(a, pack(a, &m.base, 0));
}
