/* What operators alone may ask: signing keys, master keys, denied attempts, health. authenticate ->
 * an operator -> check what was asked -> one statement, which holds the operator live -> its rows,
 * copied into the op. A new signing key is made first, away from the loop. */
#include <string.h>

#include "op/admin_input.h"
#include "op/console.h"
#include "op/credential_form.h"
#include "op/op_steps.h"

/* As m2mctl's key rotate has them. */
#define POLL_S   5
#define MARGIN_S 900

static enum op_verdict wait_for(struct op *op, enum err err)
{
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

static int64_t known_s(const struct op *op)
{
	return POLL_S + (int64_t)op->env->config->jwks_max_age_s;
}

/* ---- signing keys ---- */

static void copy_keys(struct op *op, const struct operator_answer *answer)
{
	struct shown_signing_key *keys = arena_alloc(op->arena, (answer->n + 1) * sizeof *keys);
	for (size_t i = 0; keys != NULL && i < answer->n; i++) {
		keys[i] = answer->signing_keys[i];
		keys[i].kid = arena_copy(op->arena, keys[i].kid);
		keys[i].alg = arena_copy(op->arena, keys[i].alg);
		keys[i].state = arena_copy(op->arena, keys[i].state);
	}
	op->console->shown = (struct operator_answer){.signing_keys = keys, .n = answer->n};
}

static void keys_listed(void *arg, enum err err, const struct operator_answer *answer)
{
	struct op *op = arg;
	if (err == ERR_OK)
		copy_keys(op, answer);
	op_resume(op, err);
}

static enum op_verdict list_keys(struct op *op)
{
	return wait_for(op, signing_key_list(op->env->store, STR_NONE, keys_listed, op));
}

/* Of the one that was made, or that the path names. */
static enum op_verdict show_key(struct op *op)
{
	struct str kid = op->spec->id == OP_ROTATE_SIGNING_KEY ? op->console->made_key.kid : op->in.kid;
	return wait_for(op, signing_key_list(op->env->store, kid, keys_listed, op));
}

static void key_made_for(void *arg, enum err err, const struct made_key *k)
{
	struct op *op = arg;
	if (err == ERR_OK)
		op->console->made_key = (struct made_key){.kid = arena_copy(op->arena, k->kid),
							  .alg = k->alg,
							  .public_jwk = arena_copy(op->arena, k->public_jwk),
							  .wrapped = arena_copy(op->arena, k->wrapped),
							  .master_key_id = k->master_key_id};
	op_resume(op, err);
}

static enum op_verdict make_key(struct op *op)
{
	enum jwt_alg alg = op->env->config->signing_alg;
	if (op->in.alg.p != NULL && jwt_alg_of(op->in.alg, &alg) != ERR_OK)
		return op_fail(op, ERR_INVALID_REQUEST, "alg must be RS256, ES256, PS256 or EdDSA.");
	if (op->env->key_maker == NULL)
		return op_fail(op, ERR_SHUTTING_DOWN, NULL);
	return wait_for(op, key_maker_ask(op->env->key_maker, alg, &op->env->config->ring, key_made_for, op));
}

static void rotated(void *arg, enum err err, const struct operator_answer *answer)
{
	struct op *op = arg;
	(void)answer;
	if (err == ERR_CONFLICT)
		op->err_detail = "A rotation is under way: another key takes over soon.";
	op->completed = err == ERR_OK;
	op_resume(op, err);
}

static enum op_verdict rotate_key(struct op *op)
{
	int64_t delay = op->in.standby ? -1 : known_s(op) + MARGIN_S;
	return wait_for(op, signing_key_rotate(op->env->store, &op->origin, &op->console->made_key, delay, rotated, op));
}

static void revoked(void *arg, enum err err, const struct operator_answer *answer)
{
	struct op *op = arg;
	if (err == ERR_CONFLICT)
		op->err_detail = op->in.now
					 ? "The key is revoked already."
					 : "The key is revoked already, or no other key has been published for long enough to sign in its "
					   "place; with now it is revoked all the same.";
	if (err == ERR_NOT_FOUND)
		op->err_detail = "There is no such signing key.";
	if (err == ERR_OK)
		op->console->shown.key_wanted = answer->key_wanted;
	op->completed = err == ERR_OK && !answer->key_wanted;
	op_resume(op, err);
}

static enum op_verdict ask_to_revoke(struct op *op, const struct made_key *successor)
{
	return wait_for(op, signing_key_revoke(op->env->store, &op->origin, op->in.kid, known_s(op), op->in.now, successor, revoked, op));
}

static enum op_verdict revoke_key(struct op *op)
{
	return ask_to_revoke(op, NULL);
}

/* There is no other key: a new one takes its place. */
static enum op_verdict make_successor(struct op *op)
{
	return op->console->shown.key_wanted ? make_key(op) : OP_MORE;
}

static enum op_verdict revoke_with_successor(struct op *op)
{
	return op->console->shown.key_wanted ? ask_to_revoke(op, &op->console->made_key) : OP_MORE;
}

/* ---- master keys ---- */

static void master_keys_listed(void *arg, enum err err, const struct operator_answer *answer)
{
	struct op *op = arg;
	struct shown_master_key *keys = err == ERR_OK ? arena_alloc(op->arena, (answer->n + 1) * sizeof *keys) : NULL;
	for (size_t i = 0; keys != NULL && i < answer->n; i++) {
		keys[i] = answer->master_keys[i];
		keys[i].key_id = arena_copy(op->arena, keys[i].key_id);
	}
	if (keys != NULL)
		op->console->shown = (struct operator_answer){.master_keys = keys, .n = answer->n};
	op_resume(op, err);
}

static enum op_verdict list_master_keys(struct op *op)
{
	return wait_for(op, master_key_list(op->env->store, master_keys_listed, op));
}

/* ---- denied attempts ---- */

#define DENIED_PLACE 'd'

static void denied_listed(void *arg, enum err err, const struct operator_answer *answer)
{
	struct op *op = arg;
	struct denied_attempts *rows = err == ERR_OK ? arena_alloc(op->arena, (answer->n + 1) * sizeof *rows) : NULL;
	for (size_t i = 0; rows != NULL && i < answer->n; i++) {
		rows[i] = answer->denied[i];
		rows[i].client_id = arena_copy(op->arena, rows[i].client_id);
		rows[i].remote_addr = arena_copy(op->arena, rows[i].remote_addr);
		rows[i].reason = arena_copy(op->arena, rows[i].reason);
		rows[i].slug = arena_copy(op->arena, rows[i].slug);
		rows[i].name = arena_copy(op->arena, rows[i].name);
	}
	if (rows != NULL) {
		op->console->shown = (struct operator_answer){.denied = rows, .n = answer->n};
		if (answer->more)
			admin_put_place(op, DENIED_PLACE, answer->next.minute, answer->next.batch_id, (uint32_t)answer->next.passed);
	}
	op_resume(op, err);
}

static enum op_verdict check_denied(struct op *op, const struct op_input *in)
{
	if (in->client_id.p != NULL && !op_may_be_client_id(op, in->client_id))
		return op_fail(op, ERR_INVALID_REQUEST, "client_id must be a client id.");
	if (in->reason.p != NULL && !str_is_word(in->reason, "_"))
		return op_fail(op, ERR_INVALID_REQUEST, "reason must be the code of an error.");
	if (in->remote_addr.p != NULL && !str_is_network(in->remote_addr))
		return op_fail(op, ERR_INVALID_REQUEST, "remote_addr must be an IP address, or a network in CIDR form.");
	if (in->denied_after < 0 || in->denied_before < 0)
		return op_fail(op, ERR_INVALID_REQUEST,
			       "denied_after and denied_before must be times of RFC 3339, such as 2026-11-24T08:00:00Z.");
	return OP_MORE;
}

static enum op_verdict list_denied(struct op *op)
{
	const struct op_input *in = &op->in;
	const struct denied_filter filter = {in->organization, in->client_id,    in->reason,
					     in->remote_addr,  in->denied_after, in->denied_before};
	struct denied_place before = {.minute = 0};
	uint32_t passed = 0;
	enum op_verdict verdict = check_denied(op, in);
	if (verdict == OP_MORE)
		verdict = admin_read_place(op, DENIED_PLACE, &before.minute, &before.batch_id, &passed);
	if (verdict != OP_MORE)
		return verdict;
	before.passed = passed > INT32_MAX ? INT32_MAX : (int32_t)passed;
	return wait_for(op, denied_list(op->env->store, &op->by, &filter, in->page_token.p == NULL ? NULL : &before, in->page_size,
					denied_listed, op));
}

/* ---- health ---- */

static void health_read(void *arg, enum err err, const struct operator_answer *answer)
{
	struct op *op = arg;
	struct database_health *health = err == ERR_OK ? arena_alloc(op->arena, sizeof *health) : NULL;
	if (health != NULL && op_console_of(op) != NULL) {
		*health = *answer->health;
		op->console->shown = (struct operator_answer){.health = health, .n = 1};
	} else if (err == ERR_OK) {
		err = ERR_NO_MEMORY;
	}
	op_resume(op, err);
}

static void keys_compared(void *arg, enum err err, const struct operator_answer *answer)
{
	struct op *op = arg;
	if (err == ERR_OK) {
		op->console->shown.wanted = answer->wanted;
		op_check_health(op);
		op->console->shown.wanted = NULL;
	}
	op_resume(op, err);
}

static enum op_verdict compare_keys(struct op *op)
{
	return wait_for(op, master_keys_wanted(op->env->store, keys_compared, op));
}

static enum op_verdict read_health(struct op *op)
{
	return wait_for(op, database_health(op->env->store, health_read, op));
}

#define OPERATOR op_authenticate, op_require_operator

op_step *const op_list_signing_keys_steps[] = {OPERATOR, list_keys, NULL};
op_step *const op_rotate_signing_key_steps[] = {OPERATOR, make_key, rotate_key, show_key, NULL};
op_step *const op_revoke_signing_key_steps[] = {OPERATOR, revoke_key, make_successor, revoke_with_successor, show_key, NULL};
op_step *const op_list_master_keys_steps[] = {OPERATOR, list_master_keys, NULL};
op_step *const op_list_denied_audit_steps[] = {OPERATOR, list_denied, NULL};
op_step *const op_get_health_steps[] = {OPERATOR, read_health, compare_keys, NULL};
