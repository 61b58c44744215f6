/* op_authenticate_outsider -> (wait for keys, again) -> verified claims -> (spend the DPoP proof
 * of a bound token, again) -> resolve the organization -> (make it, where the issuer's entry
 * says so) -> caller.
 *
 * Signatures are not remembered as those of our own tokens are: one check costs less than the
 * question to the database that follows it. */
#include "op/outsider.h"

#include <string.h>

#include "base/clock.h"
#include "base/visible.h"
#include "config/words.h"
#include "op/bearer_times.h"
#include "op/holder.h"
#include "op/issuer_key.h"
#include "op/op_steps.h"
#include "trust/claim.h"

#define SUBJECT_MAX   255 /* OpenID Connect Core section 2 */
#define SLUG_STEM_MAX 40

static enum op_verdict refuse(struct op *op)
{
	return op_fail(op, ERR_INVALID_TOKEN, NULL);
}

/* ---- claims ---- */

/* Who acts, for the audit: `iss` and `sub`, since a subject means something only beside its
 * issuer (OpenID Connect Core section 5.7). A machine's token may name itself otherwise. */
static struct str actor_of(struct op *op, struct str iss, const struct json *claims)
{
	static const char *const names[] = {"sub", "client_id", "azp"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct str subject = STR_NONE;
		enum err err = json_string(json_get(claims, names[i]), &subject);
		if (err == ERR_NOT_PRESENT)
			continue;
		if (err != ERR_OK || subject.n == 0 || subject.n > SUBJECT_MAX)
			return STR_NONE;
		if (!text_is_visible(subject, "")) /* the audit shows it to people */
			return STR_NONE;
		return arena_printf(op->arena, "%.*s %.*s", STR_ARG(iss), STR_ARG(subject));
	}
	return STR_NONE;
}

/* ---- the organization ---- */

/* A name of its own in lower case, which the external id can be recognised in, and which no
 * other external id gets: its digest stands behind it. */
static struct str slug_for(struct op *op, struct str issuer, struct str external)
{
	char stem[SLUG_STEM_MAX + 1];
	size_t n = 0;
	uint8_t digest[SHA256_LEN];
	struct str both = arena_printf(op->arena, "%.*s %.*s", STR_ARG(issuer), STR_ARG(external));
	if (both.p == NULL || sha256(both.p, both.n, digest) != ERR_OK)
		return STR_NONE;
	for (size_t i = 0; i < external.n && n < SLUG_STEM_MAX; i++) {
		unsigned char c = (unsigned char)external.p[i];
		bool upper = c >= 'A' && c <= 'Z';
		bool word = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (word)
			stem[n++] = (char)(upper ? c + ('a' - 'A') : c);
		else if (n > 0 && stem[n - 1] != '-')
			stem[n++] = '-';
	}
	while (n > 0 && stem[n - 1] == '-')
		n--;
	return arena_printf(op->arena, "%.*s%s%02x%02x%02x%02x", (int)n, stem, n > 0 ? "-" : "org-", digest[0], digest[1], digest[2],
			    digest[3]);
}

static void found(struct op *op, const struct org *org)
{
	op->caller.organization_id = org->organization_id;
	op->organization_id = org->organization_id;
	op->caller_known = true;
}

static void resolved(void *arg, enum err err, const struct admin_answer *a);

static enum err resolve(struct op *op)
{
	return admin_org_resolve(op->env->store, op->outsider.issuer, op->outsider.external_id, resolved, op);
}

static void made(void *arg, enum err err, const struct admin_answer *a)
{
	struct op *op = arg;
	/* nobody asked for it; the organization's admin reads it when it is wanted */
	crypto_wipe(op->secret, sizeof op->secret);
	/* two first requests at once: the other one has made it */
	if (err == ERR_ALREADY_EXISTS) {
		op->outsider.create = false;
		err = resolve(op);
		if (err == ERR_OK)
			return;
	} else if (err == ERR_OK) {
		found(op, &a->orgs[0]);
	}
	op_resume(op, err);
}

static enum err make_organization(struct op *op)
{
	struct uuid id = uuid_v7(clock_wall_us());
	struct org_spec spec = {
		.slug = slug_for(op, op->outsider.issuer, op->outsider.external_id),
		.name = op->outsider.external_id,
		.issuer = op->outsider.issuer,
		.external_id = op->outsider.external_id,
	};
	if (spec.slug.p == NULL)
		return ERR_NO_MEMORY;
	op_default_client(op, &spec.client);
	enum err err = op_make_credential(op, &id);
	return err == ERR_OK ? admin_org_create(op->env->store, &op->origin, &id, &spec, &op->fresh, made, op) : err;
}

static void resolved(void *arg, enum err err, const struct admin_answer *a)
{
	struct op *op = arg;
	if (err == ERR_OK) {
		found(op, &a->orgs[0]);
	} else if (err == ERR_ORGANIZATION_NOT_FOUND && op->outsider.create && !word_is_name(op->outsider.external_id)) {
		op->err_detail = "The token's organization has a name that none can be made with.";
		err = ERR_FORBIDDEN;
	} else if (err == ERR_ORGANIZATION_NOT_FOUND && op->outsider.create) {
		err = make_organization(op);
		if (err == ERR_OK)
			return;
	} else if (err == ERR_ORGANIZATION_NOT_FOUND) {
		op->err_detail = "The token's organization is not known here.";
		err = ERR_FORBIDDEN;
	}
	op_resume(op, err);
}

/* ---- the whole ---- */

static enum op_verdict take_claims(struct op *op, const struct trust_issuer *issuer, struct str iss, const struct json *claims)
{
	int64_t expires_at = 0;
	struct str external = STR_NONE;
	if (!bearer_times_hold(claims, store_now_us(op->env->store) / 1000000, OUTSIDER_LEEWAY_S, &expires_at) ||
	    !claim_has_audience(claims, issuer->audience))
		return refuse(op);
	op->origin.actor = actor_of(op, iss, claims);
	if (op->origin.actor.p == NULL)
		return refuse(op);
	char bound_to[BEARER_BINDING_MAX + 1];
	if (!op_read_confirmation(claims, bound_to))
		return refuse(op);
	enum op_verdict verdict = op_hold(op, str_of(bound_to));
	if (verdict != OP_MORE)
		return verdict;
	op->platform = issuer->platform_role.p != NULL && claim_has_role(claims, issuer->roles_claim, issuer->platform_role, STR_NONE);
	if (op->spec->who == OP_BY_PLATFORM || op->spec->who == OP_BY_OPERATOR ||
	    ((op->spec->who == OP_BY_RESOURCE_SERVER || op->spec->who == OP_BY_KEEPER) && op->platform)) {
		op->caller_known = true;
		return OP_MORE;
	}
	enum err err = claim_organization(claims, issuer->organization_claim, &external);
	if (err == ERR_NOT_PRESENT)
		return op_fail(op, ERR_FORBIDDEN, "The token names no organization.");
	if (err != ERR_OK)
		return op_fail(op, ERR_INVALID_TOKEN, "The token's organization claim isn't one name.");
	bool admin = claim_has_role(claims, issuer->roles_claim, issuer->admin_role, external);
	op->caller = (struct bearer){.admin = admin, .remote_addr = op->origin.remote_addr};
	op->outsider.issuer = arena_copy(op->arena, issuer->issuer);
	op->outsider.external_id = external;
	op->outsider.create = issuer->create_organizations;
	err = resolve(op);
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

enum op_verdict op_authenticate_outsider(struct op *op, const struct jwt *jwt)
{
	struct str iss = STR_NONE;
	struct str tid = STR_NONE;
	if (json_string(json_get(jwt->claims_json, "iss"), &iss) != ERR_OK)
		return refuse(op);
	if (json_get(jwt->claims_json, "tid") != NULL && json_string(json_get(jwt->claims_json, "tid"), &tid) != ERR_OK)
		return refuse(op);
	const struct trust_issuer *issuer = trust_find_issuer(op->env->trust, iss, tid);
	if (issuer == NULL || issuer->organization_claim.p == NULL)
		return refuse(op);
	enum err err = issuer_key_verify(op->env->trust, issuer, jwt);
	if (err == ERR_AGAIN)
		return op_wait_for_keys(op, issuer);
	if (err == ERR_ISSUER_UNAVAILABLE)
		return op_fail(op, err, NULL);
	if (err == ERR_TOO_LARGE)
		return op_fail(op, ERR_INVALID_TOKEN, "The token has no kid, and too many of its issuer's keys fit its alg.");
	if (err != ERR_OK)
		return refuse(op);
	return take_claims(op, issuer, iss, jwt->claims_json);
}
