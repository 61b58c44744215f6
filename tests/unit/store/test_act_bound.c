/* How many refused acts become rows. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "sql/bearer.h"
#include "store/act_bound.h"

#define MINUTE_US INT64_C(60000000)

static struct act_bound bound;
static struct uuid organization;
static struct str named;
static const struct bearer *below;

static unsigned taken(const char *actor, const char *action, int64_t now_us, unsigned asked)
{
	struct named_act act = {.action = action, .organization_id = &organization, .below = below};
	const struct origin origin = {.actor = str_of(actor), .act = &act};
	unsigned n = 0;
	for (unsigned i = 0; i < asked; i++)
		n += act_bound_takes(&bound, &origin, named, now_us);
	return n;
}

Test(act_bound, the_first_ten_of_a_minute_are_rows)
{
	cr_expect_eq(taken("a", "rotate_secret", MINUTE_US, 100), 10);
	cr_expect_eq(taken("a", "rotate_secret", 2 * MINUTE_US - 1, 100), 0);
	cr_expect_eq(taken("a", "rotate_secret", 2 * MINUTE_US, 100), 10);
}

Test(act_bound, each_actor_and_action_has_its_own)
{
	cr_expect_eq(taken("a", "rotate_secret", 0, 20), 10);
	cr_expect_eq(taken("a", "read_secret", 0, 20), 10);
	cr_expect_eq(taken("b", "rotate_secret", 0, 20), 10);
	organization.b[0] = 1;
	cr_expect_eq(taken("a", "rotate_secret", 0, 20), 10);
	named = STR("acme");
	cr_expect_eq(taken("a", "rotate_secret", 0, 20), 10);
}

Test(act_bound, of_an_organization_s_bearer_all_actions_count_together)
{
	static const struct bearer bearer;
	below = &bearer;
	cr_expect_eq(taken("a", "rotate_secret", 0, 6), 6);
	cr_expect_eq(taken("a", "read_secret", 0, 20), 4);
	cr_expect_eq(taken("b", "rotate_secret", 0, 20), 10);
	organization.b[0] = 1;
	cr_expect_eq(taken("a", "rotate_secret", 0, 20), 10);
}

Test(act_bound, a_secret_that_has_ended_takes_no_row_from_the_next_one)
{
	const struct bearer first = {.secret_tag = STR("12345678")}, next = {.secret_tag = STR("12345679")};
	below = &first;
	cr_expect_eq(taken("a", "rotate_secret", 0, 20), 10);
	below = &next;
	cr_expect_eq(taken("a", "rotate_secret", 0, 20), 10);
	below = NULL;
}

Test(act_bound, of_ever_so_many_actors_no_more_are_rows_than_there_is_room_for)
{
	unsigned n = 0;
	char actor[16];
	for (int i = 0; i < 1000; i++) {
		snprintf(actor, sizeof actor, "a%d", i);
		n += taken(actor, "read_secret", 0, 11);
	}
	cr_expect_eq(n, ACT_BOUND_KINDS * ACT_BOUND_ROWS);
}

static void cut_is(const char *text, size_t n)
{
	struct str cut = act_bound_cut(str_of(text));
	cr_expect(cut.p == text && cut.n == n, "%zu bytes of '%s'", cut.n, text);
}

#define SIXTY_THREE "012345678901234567890123456789012345678901234567890123456789012"

Test(act_bound, a_text_is_cut_between_its_characters)
{
	cut_is("acme", 4);
	cut_is(SIXTY_THREE "0", 64);
	cut_is(SIXTY_THREE "01", 64);
	cut_is(SIXTY_THREE "\xc3\xa4", 63);
	cut_is("ab\xff!", 2);
	cut_is("", 0);
	cut_is("acme\xe2\x80\xaetxt.exe", 4); /* right to left */
	cut_is("acme\xe2\x80\x8b", 4);        /* no width */
	cut_is("a\033[2J", 1);
	cut_is("\n", 0);
	cr_expect_null(act_bound_cut(STR_NONE).p);
}
