#include "op/adoption.h"

#include "base/clock.h"
#include "hashing/hash_failures.h"
#include "hashing/hash_pool.h"
#include "op/client_auth.h"
#include "op/op_steps.h"
#include "store/secret_adoption.h"

struct adoption {
	struct foreign_hash hashes[FOREIGN_SECRETS_MAX];
	size_t n;
	size_t which; /* the secret is of this one */
};

enum err op_adopt_first(struct op *op, enum err err, op_step *const *again)
{
	if (err != ERR_SECRET_NOT_ADOPTED)
		return err;
	/* what was adopted wasn't what was shown, or has ended since */
	if (op->adoption != NULL)
		return ERR_INVALID_CLIENT;
	op->adoption = arena_alloc(op->arena, sizeof *op->adoption);
	if (op->adoption == NULL)
		return ERR_NO_MEMORY;
	*op->adoption = (struct adoption){.n = 0};
	op->issue = (struct issue_request){.done = NULL};
	op->step = again;
	return ERR_OK;
}

static enum op_verdict wait_for(struct op *op, enum err err)
{
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

/* ---- the client's hashes ---- */

static void hashes_found(void *arg, enum err err, const struct foreign_hash *hashes, size_t n)
{
	struct op *op = arg;
	for (size_t i = 0; i < n; i++)
		op->adoption->hashes[i] = (struct foreign_hash){hashes[i].version, arena_copy(op->arena, hashes[i].hash)};
	op->adoption->n = n;
	op_resume(op, err);
}

static enum op_verdict refuse_failures(struct op *op, int64_t wait_us)
{
	struct str seconds = arena_printf(op->arena, "%d", (int)((wait_us + 999999) / 1000000));
	op->retry_after = seconds.p; /* without memory for it, op_finish says 1 */
	return op_fail(op, ERR_RATE_LIMITED, "Too many wrong secrets were shown for this client; try again later.");
}

enum op_verdict op_read_hashes(struct op *op)
{
	if (op->env->hashing == NULL)
		return op_fail(op, ERR_SHUTTING_DOWN, NULL);
	int64_t wait_us = hash_failures_wait(op->env->hash_failures, op->in.client_id, op->origin.remote_addr, clock_mono_us());
	if (wait_us > 0)
		return refuse_failures(op, wait_us);
	return wait_for(op, foreign_hashes_find(op->env->store, op->in.client_id, hashes_found, op));
}

/* ---- the secret ---- */

static void verified(void *arg, enum err err, size_t which)
{
	struct op *op = arg;
	if (err == ERR_MISMATCH) {
		hash_failures_note(op->env->hash_failures, op->in.client_id, op->origin.remote_addr, clock_mono_us());
		err = ERR_INVALID_CLIENT;
	}
	op->adoption->which = which;
	op_resume(op, err);
}

/* Without a hash another gateway was faster, or the version has ended. */
enum op_verdict op_verify_hashes(struct op *op)
{
	struct adoption *a = op->adoption;
	struct str hashes[FOREIGN_SECRETS_MAX];
	for (size_t i = 0; i < a->n; i++)
		hashes[i] = a->hashes[i].hash;
	if (a->n == 0)
		return OP_MORE;
	if (op->env->hashing == NULL)
		return op_fail(op, ERR_SHUTTING_DOWN, NULL);
	const struct hash_question q = {
		.client_id = op->in.client_id, .secret = op->in.client_secret, .hashes = hashes, .n = a->n, .until_us = op_until_us(op)};
	return wait_for(op, hash_ask(op->env->hashing, &q, verified, op));
}

/* ---- our verifier ---- */

static void adopted(void *arg, enum err err)
{
	op_resume(arg, err);
}

/* ring.keys[0] is the active master key: what is made is made under it. */
enum op_verdict op_adopt_secret(struct op *op)
{
	const struct adoption *a = op->adoption;
	struct str verifiers;
	if (a->n == 0)
		return OP_MORE;
	enum err err = op_client_verifiers(op, &verifiers);
	if (err != ERR_OK)
		return op_fail(op, err, NULL);
	const struct secret_adoption adoption = {
		.client_id = op->in.client_id,
		.was = a->hashes[a->which],
		.verifier = str_from(verifiers.p, SHA256_LEN),
		.key_id = str_of(op->env->config->ring.keys[0].key_id),
	};
	return wait_for(op, secret_adopt(op->env->store, &adoption, &op->origin, adopted, op));
}
