/* op_run: op_admit -> ... -> op_limit_client, a step of the token operations -> ... ->
 * op_finish: op_settle. */
#include "op/rate_limits.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/network.h"
#include "base/rate_table.h"
#include "base/siphash.h"
#include "crypto/digest.h"
#include "op/op_steps.h"

#define REPEAT_US  INT64_C(5000000)
#define SWEEP_SETS 16 /* at each tick: a minute's ticks go through a table several times */

/* What a hash is of, so that equal bytes in another place are another key. */
enum kind { OF_ADDRESS, OF_CLIENT, OF_REPEAT_OF_BASIC, OF_REPEAT_OF_POST };

struct rate_limits {
	struct siphash_key key;
	bool by_address, by_client;
	struct rate address, client;
	/* apart, so that a flood of one kind takes no room from another */
	struct rate_table *addresses, *clients, *attempts, *repeats;
	_Atomic uint64_t refused_by_address, refused_by_client;
};

enum err rate_limits_open(const struct config *config, struct rate_limits **ret)
{
	if (config->address_rate == 0 && config->client_rate == 0) {
		*ret = NULL;
		return ERR_OK;
	}
	struct rate_limits *l = calloc(1, sizeof *l);
	if (l == NULL)
		return ERR_NO_MEMORY;
	l->by_address = config->address_rate > 0;
	l->by_client = config->client_rate > 0;
	if (l->by_address)
		l->address = rate_of(config->address_rate, config->address_burst);
	if (l->by_client)
		l->client = rate_of(config->client_rate, config->client_burst);
	l->addresses = rate_table_new();
	l->clients = rate_table_new();
	l->attempts = rate_table_new();
	l->repeats = rate_table_new();
	enum err err = crypto_random(&l->key, sizeof l->key);
	if (l->addresses == NULL || l->clients == NULL || l->attempts == NULL || l->repeats == NULL)
		err = ERR_NO_MEMORY;
	if (err == ERR_OK)
		*ret = l;
	else
		rate_limits_close(l);
	return err;
}

void rate_limits_close(struct rate_limits *l)
{
	if (l == NULL)
		return;
	rate_table_free(l->addresses);
	rate_table_free(l->clients);
	rate_table_free(l->attempts);
	rate_table_free(l->repeats);
	free(l);
}

void rate_limits_sweep(struct rate_limits *l, int64_t now_us)
{
	if (l == NULL)
		return;
	rate_table_sweep(l->addresses, now_us, SWEEP_SETS);
	rate_table_sweep(l->clients, now_us, SWEEP_SETS);
	rate_table_sweep(l->attempts, now_us, SWEEP_SETS);
	rate_table_sweep(l->repeats, now_us, SWEEP_SETS);
}

bool rate_limits_counts(const struct rate_limits *l, struct rate_limits_counts *ret)
{
	if (l == NULL)
		return false;
	ret->by_address = atomic_load_explicit(&l->refused_by_address, memory_order_relaxed);
	ret->by_client = atomic_load_explicit(&l->refused_by_client, memory_order_relaxed);
	ret->evicted = rate_table_evicted(l->addresses) + rate_table_evicted(l->clients) + rate_table_evicted(l->attempts) +
		       rate_table_evicted(l->repeats);
	return true;
}

/* ---- keys ---- */

/* Each part is hashed under what stands before it, so that where one ends and the next begins
 * counts too. */
static uint64_t hash_on(const struct rate_limits *l, uint64_t before, struct str part)
{
	return siphash((struct siphash_key){l->key.k0 ^ before, l->key.k1}, part.p, part.n);
}

static uint64_t hash_of(const struct rate_limits *l, enum kind kind, struct str part)
{
	return hash_on(l, (uint64_t)kind, part);
}

/* Addresses that can't be read share a key. */
static uint64_t address_key(const struct rate_limits *l, const struct op *op)
{
	uint8_t network[NETWORK_MAX];
	size_t n = network_of(op->origin.remote_addr, network);
	return hash_of(l, OF_ADDRESS, str_from(network, n));
}

/* Of a refused request with the credentials in the place that `kind` says; the secret is in it,
 * so that guessing another one is no repeat. */
static uint64_t repeat_key(const struct rate_limits *l, enum kind kind, const struct op *op)
{
	uint64_t address = address_key(l, op);
	uint64_t h = hash_of(l, kind, str_from(&address, sizeof address));
	return hash_on(l, hash_on(l, h, op->in.client_id), op->in.client_secret);
}

/* ---- refusing ---- */

static enum op_verdict refuse(struct op *op, _Atomic uint64_t *count, int64_t wait_us, const char *why)
{
	struct str seconds = arena_printf(op->arena, "%d", (int)((wait_us + 999999) / 1000000));
	atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
	op->retry_after = seconds.p; /* without memory for it, op_finish says 1 */
	return op_fail(op, ERR_RATE_LIMITED, why);
}

/* ---- a request's way ---- */

/* Whose clients authenticate themselves for something else than a token. */
static bool counts_guesses(const struct op *op)
{
	return op->spec != NULL && op->in.client_id.p != NULL &&
	       (op->spec->id == OP_INTROSPECT_TOKEN || op->spec->id == OP_REVOKE_TOKEN || op->spec->id == OP_LIST_REVOCATIONS);
}

/* Only a secret has another place. Of an assertion or a certificate nothing is in the key: any
 * other one would be its repeat. */
static bool may_be_repeated(const struct op *op)
{
	const struct op_input *in = &op->in;
	return op->spec != NULL && in->client_id.p != NULL && in->client_secret.p != NULL && in->client_assertion.p == NULL &&
	       in->assertion.p == NULL && (op->spec->id == OP_OAUTH_TOKEN || counts_guesses(op));
}

/* Its credential was looked at, which costs a signature's verification or a look into the
 * database, and was none. */
static bool was_a_guess(const struct op *op)
{
	return counts_guesses(op) && !op->repeat && (op->err == ERR_INVALID_CLIENT || op->err == ERR_ASSERTION_REPLAYED);
}

void op_admit(struct op *op)
{
	struct rate_limits *l = op->env->limits;
	int64_t now_us = clock_mono_us();
	if (op->spec != NULL && op->spec->who == OP_BY_ANYONE)
		return;
	if (may_be_repeated(op)) {
		enum kind other = op->in.basic ? OF_REPEAT_OF_POST : OF_REPEAT_OF_BASIC;
		op->repeat = rate_table_take_note(l->repeats, repeat_key(l, other, op), now_us);
	}
	if (op->repeat || !l->by_address)
		return;
	int64_t wait_us = rate_table_take(l->addresses, l->address, address_key(l, op), now_us);
	if (wait_us > 0)
		refuse(op, &l->refused_by_address, wait_us, "Too many requests come from this address; try again later.");
}

/* The bucket of the client at this address. */
static uint64_t client_here_key(const struct rate_limits *l, const struct op *op)
{
	uint64_t here = address_key(l, op);
	return hash_on(l, hash_of(l, OF_CLIENT, op->in.client_id), str_from(&here, sizeof here));
}

enum op_verdict op_limit_guesses(struct op *op)
{
	struct rate_limits *l = op->env->limits;
	if (l == NULL || !l->by_client || !counts_guesses(op) || op->repeat)
		return OP_MORE;
	int64_t wait_us = rate_table_wait(l->attempts, l->client, client_here_key(l, op), clock_mono_us());
	return wait_us == 0 ? OP_MORE
			    : refuse(op, &l->refused_by_client, wait_us, "Too many attempts were made for this client; try again later.");
}

enum op_verdict op_limit_client(struct op *op)
{
	struct rate_limits *l = op->env->limits;
	if (l == NULL || !l->by_client)
		return OP_MORE;
	int64_t now_us = clock_mono_us();
	uint64_t client = hash_of(l, OF_CLIENT, op->in.client_id);
	uint64_t here = client_here_key(l, op);
	int64_t wait_us = rate_table_wait(l->clients, l->client, client, now_us);
	int64_t wait_here_us = 0;
	if (wait_us > 0)
		wait_here_us = rate_table_wait(l->attempts, l->client, here, now_us);
	else if (!op->repeat)
		wait_here_us = rate_table_take(l->attempts, l->client, here, now_us);
	wait_us = wait_us > wait_here_us ? wait_us : wait_here_us;
	return wait_us == 0 ? OP_MORE
			    : refuse(op, &l->refused_by_client, wait_us, "Too many tokens are asked for this client; try again later.");
}

void op_settle(struct op *op)
{
	struct rate_limits *l = op->env->limits;
	if (op->recorded && l->by_client)
		rate_table_owe(l->clients, l->client, hash_of(l, OF_CLIENT, op->in.client_id), clock_mono_us());
	if (l->by_client && was_a_guess(op))
		rate_table_owe(l->attempts, l->client, client_here_key(l, op), clock_mono_us());
	if (!may_be_repeated(op) || op->repeat || op->err == ERR_OK || op->err == ERR_RATE_LIMITED)
		return;
	enum kind kind = op->in.basic ? OF_REPEAT_OF_BASIC : OF_REPEAT_OF_POST;
	rate_table_note(l->repeats, repeat_key(l, kind, op), clock_mono_us(), REPEAT_US);
}
