/* Which callers of a batch are the same one. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql/origin.h"
#include "store/callers.h"

#define HERE STR("192.0.2.1")

static struct origin origins[CALLERS_MAX];
static struct token_caller askers[CALLERS_MAX];
static struct callers callers;
static size_t asked;

/* Each has texts of its own, as requests have. */
static uint32_t place(const char *client_id, const char *verifiers, struct str remote_addr)
{
	struct token_caller *c = &askers[asked];
	origins[asked].remote_addr = remote_addr;
	*c = (struct token_caller){
		.client_id = str_of(strdup(client_id)), .verifiers = str_of(strdup(verifiers)), .origin = &origins[asked++]};
	return callers_place(&callers, c);
}

static void up(void)
{
	callers.n = asked = 0;
}

static void down(void)
{
	for (size_t i = 0; i < asked; i++) {
		free((char *)askers[i].client_id.p);
		free((char *)askers[i].verifiers.p);
	}
}

TestSuite(callers, .init = up, .fini = down);

Test(callers, one_that_asks_again_has_its_place)
{
	cr_assert_eq(place("a", "1", HERE), 1);
	cr_assert_eq(place("b", "2", HERE), 2);
	cr_assert_eq(place("a", "1", HERE), 1);
	cr_assert_eq(place("b", "2", HERE), 2);
	cr_assert_eq(callers.n, 2);
	cr_assert(callers.v[0] == &askers[0] && callers.v[1] == &askers[1], "each is the first one's");
}

Test(callers, whatever_is_decided_by_tells_two_apart)
{
	cr_assert_eq(place("a", "1", HERE), 1);
	cr_assert_eq(place("b", "1", HERE), 2, "another client");
	cr_assert_eq(place("a", "2", HERE), 3, "another secret");
	cr_assert_eq(place("a", "11", HERE), 4, "another ring");
	cr_assert_eq(place("a", "1", STR("192.0.2.11")), 5, "another address");
	cr_assert_eq(place("a", "1", STR_NONE), 6, "none that is known");
	cr_assert_eq(place("a", "1", STR("")), 7);
	cr_assert_eq(place("a", "1", HERE), 1);
}

Test(callers, a_whole_batch_may_be_of_different_ones)
{
	char name[8];
	for (uint32_t i = 1; i <= CALLERS_MAX; i++) {
		snprintf(name, sizeof name, "%u", i);
		cr_assert_eq(place(name, "1", HERE), i);
	}
}
