/* What an op is made of: its memory, its names, its outcome. op_run.c runs it; op.h tells the
 * life. */
#include "op/op.h"

#include <string.h>

#include "base/clock.h"
#include "base/starved.h"
#include "crypto/secret.h"
#include "op/op_steps.h"

/* What a token request takes. */
#define OP_ARENA_FIRST 10752
/* A cap, not a size: most requests stay within the arena's first block. The largest answers are
 * pages: of the platform's clients (ADMIN_PAGE_MAX) and of revocations (REVOCATIONS_MAX). */
#define OP_ARENA_MAX (4 * 1024 * 1024)

struct op *op_new(struct op_env *env, const struct op_spec *spec, void (*reply)(struct op *, void *), void *transport)
{
	struct arena *arena = env->spare_count > 0 ? env->spare[--env->spare_count] : arena_new_sized(OP_ARENA_FIRST, OP_ARENA_MAX);
	struct op *op = arena == NULL ? NULL : arena_alloc(arena, sizeof *op);
	if (op == NULL) {
		arena_free(arena);
		return NULL;
	}
	op->arena = arena;
	op->env = env;
	op->spec = spec;
	op->step = spec == NULL ? NULL : spec->steps;
	op->reply = reply;
	op->transport = transport;
	op->started_us = clock_mono_us();
	op->starved = starved_count();
	return op;
}

void op_free(struct op *op)
{
	if (op == NULL)
		return;
	struct op_env *env = op->env;
	struct arena *arena = op->arena; /* the op itself is in it */
	crypto_wipe(op->secret, sizeof op->secret);
	if (env->spare_count == OP_SPARE_MAX) {
		arena_free(arena);
		return;
	}
	arena_reset(arena);
	env->spare[env->spare_count++] = arena;
}

void op_env_clear(struct op_env *env)
{
	while (env->spare_count > 0)
		arena_free(env->spare[--env->spare_count]);
}

/* As m2m.request_uuid does in SQL, so that an auditor finds the row by the id that the client
 * sent. */
static enum err uuid_of_text(struct str text, struct uuid *ret)
{
	uint8_t digest[SHA256_LEN];
	if (uuid_parse(text, ret) == ERR_OK)
		return ERR_OK;
	enum err err = sha256(text.p, text.n, digest);
	if (err != ERR_OK)
		return err;
	memcpy(ret->b, digest, sizeof ret->b);
	ret->b[6] = (uint8_t)((ret->b[6] & 0x0f) | 0x80);
	ret->b[8] = (uint8_t)((ret->b[8] & 0x3f) | 0x80);
	return ERR_OK;
}

/* It is logged and sent back, so a secret that was put there by mistake must not become one. */
void op_set_request_id(struct op *op, struct str given)
{
	if (given.n >= 1 && given.n <= 64 && str_is_word(given, "._-") && !secret_well_formed(given)) {
		op->request_id = arena_copy(op->arena, given);
		/* without it its audit row wouldn't be found */
		if (uuid_of_text(given, &op->origin.request_id) != ERR_OK && op->err == ERR_OK)
			op_fail(op, ERR_NO_MEMORY, NULL);
		return;
	}
	op->origin.request_id = uuid_v7(clock_wall_us());
	char text[UUID_TEXT_LEN];
	uuid_format(op->origin.request_id, text);
	op->request_id = arena_copy(op->arena, str_from(text, sizeof text));
}

enum op_verdict op_fail(struct op *op, enum err err, const char *detail)
{
	op->err = err;
	op->err_detail = detail;
	return OP_DONE;
}

int64_t op_until_us(const struct op *op)
{
	return op->started_us + (int64_t)op->env->config->request_timeout_ms * 1000;
}
