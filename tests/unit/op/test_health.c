/* What health says of what the gateway sees itself: its log, its master keys, its counts of refused
 * attempts. */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "op/console.h"
#include "op_test.h"

TestSuite(health, .init = op_up, .fini = op_down);

static struct database_health database;
static struct master_keys_wanted wanted = {.active_known = true};

/* The check of that name, as `ret_state`; what it says. */
static const char *check(const char *name, enum health_state *ret_state)
{
	static char detail[512];
	struct op *op = new_op(OP_GET_HEALTH);
	cr_assert_not_null(op_console_of(op));
	op->console->shown = (struct operator_answer){.health = &database, .wanted = &wanted, .n = 1};
	op_check_health(op);
	for (size_t i = 0; i < op->console->checks_n; i++) {
		const struct health_check *c = &op->console->checks[i];
		if (strcmp(c->name, name) != 0)
			continue;
		*ret_state = c->state;
		snprintf(detail, sizeof detail, "%.*s", STR_ARG(c->detail));
		return detail;
	}
	cr_assert_fail("no check is called %s", name);
	return NULL;
}

static void says(const char *name, enum health_state state, const char *detail)
{
	enum health_state is;
	cr_expect_str_eq(check(name, &is), detail);
	cr_expect_eq(is, state, "%s is %d", name, is);
}

Test(health, master_keys_that_something_needs_must_be_here)
{
	says("master_keys", HEALTH_OK, "This gateway has every master key that is needed; k2 is active.");
	wanted.active_known = false;
	says("master_keys", HEALTH_WARNING, "The database doesn't know the active master key k2 yet.");
	wanted.others = STR("k1");
	says("master_keys", HEALTH_FAILING, "The database knows other master keys by these names: k1.");
	wanted.for_signing_keys = STR("k0");
	says("master_keys", HEALTH_FAILING, "This gateway lacks master keys that signing keys need: k0.");
	wanted.for_secrets = STR("a, b");
	says("master_keys", HEALTH_FAILING, "This gateway lacks master keys that live secrets need: a, b.");
}

Test(health, refused_attempts_are_counted_in_bounded_room)
{
	store.denied_health = (struct denied_health){.kinds = 7, .room = 768};
	says("denied_attempts", HEALTH_OK, "This worker counts 7 kinds of refused attempts, and has room for 768.");
	store.denied_health.crowded_us = clock_mono_us();
	store.denied_health.merged = 9;
	says("denied_attempts", HEALTH_WARNING,
	     "Within the last hour refused attempts were too many kinds: so far this worker has counted 9 without client and address, and "
	     "dropped 0.");
	store.denied_health.crowded_us -= INT64_C(3601000000);
	says("denied_attempts", HEALTH_OK, "This worker counts 7 kinds of refused attempts, and has room for 768.");
	store.denied_health.failed = true;
	says("denied_attempts", HEALTH_FAILING, "The last refused attempts couldn't be inserted; 7 kinds of 768 wait.");
}

Test(health, a_log_that_can_t_be_written_is_told)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	int fine = open("/dev/null", O_WRONLY | O_CLOEXEC);
	cr_assert(full >= 0 && fine >= 0);
	log_set_fd(fine);
	log_message(LOG_INFO, "a", "%s", "line");
	says("log", HEALTH_OK, "The log is written, and loses no line.");
	log_set_fd(full);
	log_message(LOG_INFO, "a", "%s", "line");
	says("log", HEALTH_FAILING, "The log can't be written: No space left on device.");
	log_set_fd(fine);
	log_message(LOG_INFO, "a", "%s", "line");
	says("log", HEALTH_OK, "The log is written, and loses no line.");
	close(full);
	close(fine);
}

Test(health, what_finds_no_room_is_a_lack_of_memory)
{
	struct op *op = new_op(OP_GET_HEALTH);
	op->step += 2; /* an operator asks */
	op_run(op);
	cr_assert_eq(store.waiting, FAKE_HEALTH);
	cr_assert_null(arena_alloc(op->arena, 8 << 20));
	fake_operator(&store, ERR_OK, &(struct operator_answer){.health = &database, .n = 1});
	answered(op, ERR_OVERLOADED);
}
