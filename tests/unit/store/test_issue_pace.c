/* When a batch goes out, by table. */
#include <criterion/criterion.h>

#include "store/issue_pace.h"

#define BATCH 128

struct row {
	const char *what;
	struct issue_load load;
	enum issue_pace pace;
};

/* `to_sign` tokens take `to_sign` times 20 us; a trip takes 400. */
#define LOAD(...)                                                                                                                          \
	{                                                                                                                                  \
		.batch_max = BATCH, .token_us = 20, .trip_us = 400, __VA_ARGS__                                                            \
	}

static const struct row rows[] = {
	{"the first goes at the end of its turn", LOAD(.moment = ISSUE_ARRIVED, .waiting = 1), PACE_LATER},
	{"and takes the others of the turn along", LOAD(.moment = ISSUE_ARRIVED, .waiting = 2, .scheduled = true), PACE_HOLD},
	{"behind one in flight it waits", LOAD(.moment = ISSUE_ARRIVED, .waiting = 1, .blocked = true), PACE_HOLD},
	{"nobody waits again", LOAD(.moment = ISSUE_ARRIVED), PACE_HOLD},

	{"at the turn's end it goes", LOAD(.moment = ISSUE_TURN, .waiting = 1), PACE_NOW},
	{"nobody waits", LOAD(.moment = ISSUE_TURN), PACE_HOLD},
	{"one is in flight", LOAD(.moment = ISSUE_TURN, .waiting = BATCH, .blocked = true), PACE_HOLD},
	{"it was to go in this turn", LOAD(.moment = ISSUE_TURN, .waiting = 1, .scheduled = true), PACE_NOW},
	{"between two groups it goes", LOAD(.moment = ISSUE_SIGNED, .waiting = 1, .to_sign = 5), PACE_NOW},
	{"but not when it gathers until the next turn", LOAD(.moment = ISSUE_SIGNED, .waiting = 1, .scheduled = true), PACE_HOLD},
	{"signing takes as long as a trip", LOAD(.moment = ISSUE_TURN, .waiting = 1, .to_sign = 20), PACE_NOW},
	{"signing takes longer", LOAD(.moment = ISSUE_TURN, .waiting = 1, .to_sign = 21), PACE_HOLD},
	{"but no more could come along", LOAD(.moment = ISSUE_TURN, .waiting = BATCH, .to_sign = 21), PACE_NOW},

	{"the next goes before the tokens", LOAD(.moment = ISSUE_COMMITTED, .waiting = 5, .to_sign = 5), PACE_NOW},
	{"many tokens give it time", LOAD(.moment = ISSUE_COMMITTED, .waiting = 5, .to_sign = 40), PACE_HOLD},
	{"where cores are short it gathers", LOAD(.moment = ISSUE_COMMITTED, .waiting = 5, .to_sign = 5, .crowded = true), PACE_LATER},
	{"also when nobody waits yet", LOAD(.moment = ISSUE_COMMITTED, .to_sign = 2, .crowded = true), PACE_LATER},
	{"a lone client has nobody to wait for", LOAD(.moment = ISSUE_COMMITTED, .to_sign = 1, .crowded = true), PACE_HOLD},
	{"with nothing to sign nobody comes", LOAD(.moment = ISSUE_COMMITTED, .waiting = 5, .crowded = true), PACE_NOW},
	{"a large one goes at once", LOAD(.moment = ISSUE_COMMITTED, .waiting = ISSUE_GATHER_MAX, .to_sign = 5, .crowded = true), PACE_NOW},
	{"as large as may be is large",
	 {.moment = ISSUE_COMMITTED, .waiting = 4, .batch_max = 4, .to_sign = 5, .crowded = true, .token_us = 20, .trip_us = 400},
	 PACE_NOW},
};

Test(issue_pace, each_row_of_the_table)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		cr_assert_eq(issue_pace(&rows[i].load), rows[i].pace, "%s: %d", rows[i].what, issue_pace(&rows[i].load));
}
