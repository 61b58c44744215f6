/* The platform's API: a platform's own backend registers, lists and removes clients' credentials
 * besides their secrets. And an admin lists the live secrets of its organization's client.
 * authenticate -> the platform's role -> read the credential -> one statement, which records
 * the act -> its rows, copied into the op. */
#include "base/clock.h"
#include "op/op_steps.h"

/* ---- rows out of the store ---- */

static void copy_credential(struct arena *a, const struct registered_credential *from, struct registered_credential *to)
{
	*to = *from;
	struct str *texts[] = {&to->client_id,
			       &to->credential_id,
			       &to->kind,
			       &to->name,
			       &to->public_jwk,
			       &to->kty,
			       &to->alg,
			       &to->workload.issuer,
			       &to->workload.subject,
			       &to->workload.audience,
			       &to->workload.claims,
			       &to->last_use.remote_addr,
			       &to->last_use.user_agent,
			       &to->hint,
			       &to->created_by};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = arena_copy(a, *texts[i]);
}

static void take_rows(void *arg, enum err err, const struct registered_credential *keys, size_t n)
{
	struct op *op = arg;
	struct registered_credential *kept = err == ERR_OK ? arena_alloc(op->arena, (n + 1) * sizeof *kept) : NULL;
	for (size_t i = 0; kept != NULL && i < n; i++)
		copy_credential(op->arena, &keys[i], &kept[i]);
	if (kept != NULL) {
		op->out.credentials = kept;
		op->out.rows = n;
		if (n > 0)
			op->organization_id = kept[0].organization_id;
	}
	if (err == ERR_ALREADY_EXISTS)
		op->err_detail = "The client has this credential already.";
	op_resume(op, err);
}

static enum op_verdict wait_for(struct op *op, enum err err)
{
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

/* ---- the operations ---- */

static enum op_verdict list(struct op *op)
{
	return wait_for(op, admin_credential_list(op->env->store, op->in.organization, op->in.client_id, take_rows, op));
}

static enum op_verdict get(struct op *op)
{
	return wait_for(op,
			admin_credential_get(op->env->store, op->in.organization, op->in.client_id, op->in.credential_id, take_rows, op));
}

/* The bearer's own organization's. */
static enum op_verdict list_secrets(struct op *op)
{
	return wait_for(op, secret_list(op->env->store, &op->caller, take_rows, op));
}

/* As client_credential_read_key. */
static enum err read_key(struct op *op, const struct op_new_credential *given, const char **ret_why)
{
	if (given->text.p == NULL) {
		*ret_why = "public_key must be a JWK, or a public key or certificate in PEM.";
		return ERR_MALFORMED;
	}
	return client_credential_read_key(op->arena, given->text, given->name, given->expires_at, clock_wall_us(), &op->new_credential,
					  ret_why);
}

static enum err read_certificate(struct op *op, const struct op_new_credential *given, const char **ret_why)
{
	return client_credential_read_certificate(op->arena, &given->certificate, given->name, given->expires_at, clock_wall_us(),
						  &op->new_credential, ret_why);
}

/* As client_credential_read_workload. A token for this service names it as its audience. */
static enum err read_workload(struct op *op, const struct op_new_credential *given, const char **ret_why)
{
	struct workload_terms terms = given->workload;
	if (terms.audience.p == NULL)
		terms.audience = op->env->config->issuer;
	return client_credential_read_workload(op->arena, &terms, given->name, given->expires_at, clock_wall_us(), &op->new_credential,
					       ret_why);
}

static bool describes_key(const struct op_new_credential *given)
{
	return given->text.p != NULL;
}

static bool describes_certificate(const struct op_new_credential *given)
{
	bool any = given->certificate.pem.p != NULL;
	for (int kind = 0; kind < CERTIFICATE_NAME_COUNT; kind++)
		any = any || given->certificate.names[kind].p != NULL;
	return any;
}

static bool describes_workload(const struct op_new_credential *given)
{
	const struct workload_terms *t = &given->workload;
	return t->issuer.p != NULL || t->subject.p != NULL || t->audience.p != NULL || t->claims.p != NULL || t->may_replay;
}

static const struct {
	const char *kind;
	enum err (*read)(struct op *op, const struct op_new_credential *given, const char **ret_why);
	bool (*described)(const struct op_new_credential *given);
} kinds[] = {{"key", read_key, describes_key},
	     {"certificate", read_certificate, describes_certificate},
	     {"workload", read_workload, describes_workload}};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* Whoever writes what holds another kind to something means to hold this one to it. */
static bool describes_another(const struct op_new_credential *given, size_t kind)
{
	for (size_t i = 0; i < KINDS; i++)
		if (i != kind && kinds[i].described(given))
			return true;
	return false;
}

static enum err read_kind(struct op *op, const struct op_new_credential *given, const char **ret_why)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (!str_eq(given->kind, str_of(kinds[i].kind)))
			continue;
		*ret_why = "The credential has a member of another kind than its own.";
		return describes_another(given, i) ? ERR_MALFORMED : kinds[i].read(op, given, ret_why);
	}
	*ret_why = "kind must be key, certificate or workload.";
	return ERR_MALFORMED;
}

static enum op_verdict read_new(struct op *op)
{
	const char *why = NULL;
	enum err err = read_kind(op, &op->in.new_credential, &why);
	if (err == ERR_MALFORMED)
		return op_fail(op, ERR_INVALID_REQUEST, why);
	return err == ERR_OK ? OP_MORE : op_fail(op, err, NULL);
}

static enum op_verdict add(struct op *op)
{
	return wait_for(op, admin_credential_add(op->env->store, &op->caller, &op->origin, op->in.organization, op->in.client_id,
						 &op->new_credential, take_rows, op));
}

static enum op_verdict take_away(struct op *op)
{
	return wait_for(op, admin_credential_remove(op->env->store, &op->caller, &op->origin, op->in.organization, op->in.client_id,
						    op->in.credential_id, take_rows, op));
}

#define PLATFORM op_authenticate, op_require_platform

op_step *const op_list_secrets_steps[] = {op_authenticate, list_secrets, NULL};
op_step *const op_list_credentials_steps[] = {PLATFORM, list, NULL};
op_step *const op_get_credential_steps[] = {PLATFORM, get, NULL};
op_step *const op_add_credential_steps[] = {PLATFORM, read_new, add, NULL};
op_step *const op_remove_credential_steps[] = {PLATFORM, take_away, NULL};
