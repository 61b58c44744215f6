/* What an operator should know of this gateway and its database, check by check. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "op/console.h"
#include "sql/schema.h"
#include "store/denied.h"

#define HOUR_US          INT64_C(3600000000)
#define DAY_US           INT64_C(86400000000)
#define SLOW_US          500000
#define KEY_OLD_DAYS     365
#define PARTITION_DAYS   7
#define CERTIFICATE_DAYS 14
#define SKEW_US          1000000

static void add(struct op *op, const char *name, enum health_state state, struct str detail)
{
	struct op_console *c = op->console;
	if (c->checks_n < HEALTH_CHECKS)
		c->checks[c->checks_n++] = (struct health_check){name, state, detail};
}

static void check_database(struct op *op, const struct database_health *h)
{
	struct str detail = arena_printf(op->arena, "It answered in %.1f ms.", (double)h->round_trip_us / 1000);
	if (h->in_recovery)
		add(op, "database", HEALTH_FAILING, STR("It is a standby; tokens are issued by the primary alone."));
	else
		add(op, "database", h->round_trip_us > SLOW_US ? HEALTH_WARNING : HEALTH_OK, detail);
}

static void check_promises(struct op *op, const struct database_health *h)
{
	for (size_t i = 0; i < sizeof h->broken / sizeof *h->broken; i++) {
		if (h->broken[i] == NULL)
			continue;
		add(op, "promises", HEALTH_FAILING, str_of(h->broken[i]));
		return;
	}
	add(op, "promises", HEALTH_OK, STR("The database and the login are as the promises need them."));
}

static void check_schema(struct op *op, const struct database_health *h)
{
	int known = schema_latest_version();
	enum health_state state = h->schema_version == known ? HEALTH_OK : h->schema_version > known ? HEALTH_WARNING : HEALTH_FAILING;
	add(op, "schema", state,
	    arena_printf(op->arena, "The database has version %d, and this program knows %d.", (int)h->schema_version, known));
}

static void check_readiness(struct op *op)
{
	struct store *s = op->env->store;
	add(op, "readiness", store_ready(s) ? HEALTH_OK : HEALTH_FAILING,
	    store_ready(s) ? STR("This worker issues tokens.")
			   : arena_printf(op->arena, "This worker issues no tokens: %s.", store_unready_reason(s)));
}

static void check_signing_key(struct op *op, int64_t now_us)
{
	unsigned n = 0;
	const struct store_key *keys = store_keys(op->env->store, &n);
	int64_t since = 0;
	bool next = false;
	for (unsigned i = 0; i < n; i++) {
		if (strcmp(keys[i].state, "active") == 0 && keys[i].active_from > since)
			since = keys[i].active_from;
		next = next || strcmp(keys[i].state, "next") == 0;
	}
	int64_t days = (now_us / 1000000 - since) / 86400;
	const char *follows = next ? "another one is published" : "no other one is published";
	if (since == 0)
		add(op, "signing_key", HEALTH_FAILING, STR("No key signs."));
	else
		add(op, "signing_key", days > KEY_OLD_DAYS ? HEALTH_WARNING : HEALTH_OK,
		    arena_printf(op->arena, "The key has signed for %" PRId64 " days, and %s.", days, follows));
}

static void check_partitions(struct op *op, const struct database_health *h, int64_t now_us)
{
	int64_t days = (h->partitions_until - now_us) / DAY_US;
	if (h->default_partition_used)
		add(op, "partitions", HEALTH_WARNING, STR("The audit's default partition has rows, since a week of theirs wasn't there."));
	else
		add(op, "partitions", days < PARTITION_DAYS ? HEALTH_WARNING : HEALTH_OK,
		    arena_printf(op->arena, "The audit's partitions reach %" PRId64 " days ahead.", days));
}

static void check_certificate(struct op *op, int64_t now_us)
{
	int64_t ends = op->env->certificate_expires == NULL ? 0 : op->env->certificate_expires(op->env->tls);
	int64_t left_s = ends - now_us / 1000000;
	if (ends != 0)
		add(op, "certificate",
		    left_s <= 0                         ? HEALTH_FAILING
		    : left_s < CERTIFICATE_DAYS * 86400 ? HEALTH_WARNING
							: HEALTH_OK,
		    arena_printf(op->arena, "The TLS certificate ends in %" PRId64 " days.", left_s / 86400));
}

static void check_clock(struct op *op)
{
	int64_t skew_us = store_now_us(op->env->store) - clock_wall_us();
	bool skewed = skew_us > SKEW_US || skew_us < -SKEW_US;
	add(op, "clock", skewed ? HEALTH_WARNING : HEALTH_OK,
	    arena_printf(op->arena, "This machine's clock differs from the database's by %.1f seconds.",
			 (double)(skew_us < 0 ? -skew_us : skew_us) / 1e6));
}

static void check_master_keys(struct op *op, const struct master_keys_wanted *w)
{
	const char *active = op->env->config->ring.keys[0].key_id;
	if (w->for_secrets.p != NULL || w->for_signing_keys.p != NULL) {
		bool secrets = w->for_secrets.p != NULL;
		add(op, "master_keys", HEALTH_FAILING,
		    arena_printf(op->arena, "This gateway lacks master keys that %s need: %.*s.", secrets ? "live secrets" : "signing keys",
				 STR_ARG(secrets ? w->for_secrets : w->for_signing_keys)));
	} else if (w->others.p != NULL) {
		add(op, "master_keys", HEALTH_FAILING,
		    arena_printf(op->arena, "The database knows other master keys by these names: %.*s.", STR_ARG(w->others)));
	} else if (!w->active_known) {
		add(op, "master_keys", HEALTH_WARNING,
		    arena_printf(op->arena, "The database doesn't know the active master key %s yet.", active));
	} else {
		add(op, "master_keys", HEALTH_OK,
		    arena_printf(op->arena, "This gateway has every master key that is needed; %s is active.", active));
	}
}

static bool lately(int64_t at_us)
{
	return at_us != 0 && clock_mono_us() - at_us < HOUR_US;
}

/* Of this worker: each counts for itself. */
static void check_denied(struct op *op)
{
	struct denied_health h = denied_health(op->env->store);
	if (h.failed)
		add(op, "denied_attempts", HEALTH_FAILING,
		    arena_printf(op->arena, "The last refused attempts couldn't be inserted; %u kinds of %u wait.", h.kinds, h.room));
	else if (lately(h.crowded_us))
		add(op, "denied_attempts", HEALTH_WARNING,
		    arena_printf(op->arena,
				 "Within the last hour refused attempts were too many kinds: so far this worker has counted %" PRIu64
				 " without client and address, and dropped %" PRIu64 ".",
				 h.merged, h.lost));
	else
		add(op, "denied_attempts", HEALTH_OK,
		    arena_printf(op->arena, "This worker counts %u kinds of refused attempts, and has room for %u.", h.kinds, h.room));
}

static void check_log(struct op *op)
{
	struct log_health h = log_health();
	if (h.fault != 0)
		add(op, "log", HEALTH_FAILING, arena_printf(op->arena, "The log can't be written: %s.", strerrordesc_np(h.fault)));
	else if (lately(h.dropped_us))
		add(op, "log", HEALTH_WARNING,
		    arena_printf(op->arena, "Within the last hour the log was read too slowly: %" PRIu64 " lines were dropped so far.",
				 h.dropped));
	else
		add(op, "log", HEALTH_OK, STR("The log is written, and loses no line."));
}

void op_check_health(struct op *op)
{
	const struct database_health *h = op->console->shown.health;
	int64_t now_us = store_now_us(op->env->store);
	op->console->checks_n = 0;
	check_database(op, h);
	check_promises(op, h);
	check_schema(op, h);
	check_readiness(op);
	check_signing_key(op, now_us);
	check_partitions(op, h, now_us);
	check_certificate(op, now_us);
	check_clock(op);
	check_master_keys(op, op->console->shown.wanted);
	check_denied(op);
	check_log(op);
}
