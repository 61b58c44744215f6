#include "base/peers.h"

#include <criterion/criterion.h>

static struct peers peers;

static void open_peers(void)
{
	cr_assert_eq(peers_init(&peers), ERR_OK);
}

TestSuite(peers, .init = open_peers);

Test(peers, an_address_is_one_peer_as_long_as_somebody_has_it)
{
	struct peer *a = peers_take(&peers, STR("192.0.2.7"));
	struct peer *mapped = peers_take(&peers, STR("::ffff:192.0.2.7"));
	struct peer *other = peers_take(&peers, STR("192.0.2.8"));
	cr_assert_not_null(a);
	cr_assert_eq(a, mapped);
	cr_assert_neq(a, other);
	a->calls = 3;
	peer_release(a);
	cr_assert_eq(peers_take(&peers, STR("192.0.2.7"))->calls, 3);
	peer_release(a);
	peer_release(a);
	a = peers_take(&peers, STR("192.0.2.7"));
	cr_assert_eq(a->calls, 0, "it was freed in between");
	peer_release(a);
	peer_release(other);
	peer_release(NULL);
}

Test(peers, a_network_of_64_bits_is_one_peer)
{
	struct peer *a = peers_take(&peers, STR("2001:db8:1:2::1"));
	struct peer *same = peers_take(&peers, STR("2001:db8:1:2:3::9"));
	struct peer *next = peers_take(&peers, STR("2001:db8:1:3::1"));
	cr_assert_eq(a, same);
	cr_assert_neq(a, next);
	peer_release(a);
	peer_release(same);
	peer_release(next);
}

/* How many who comes alone gets, and then who comes next. */
static unsigned fill(unsigned taken, unsigned max)
{
	unsigned held = 0;
	while (fair_share(held, taken + held, max))
		held++;
	return held;
}

Test(peers, one_address_leaves_room_for_those_that_come_later)
{
	static const struct {
		unsigned max, first, second;
	} cases[] = {{1, 1, 0}, {2, 1, 1}, {40, 37, 2}, {4096, 3840, 240}, {65536, 61440, 3840}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		unsigned first = fill(0, cases[i].max);
		cr_expect_eq(first, cases[i].first, "%u of %u", first, cases[i].max);
		unsigned second = fill(first, cases[i].max);
		cr_expect_eq(second, cases[i].second, "then %u of %u", second, cases[i].max);
	}
}

Test(peers, the_last_one_is_for_who_has_none)
{
	cr_assert(fair_share(0, 39, 40));
	cr_assert_not(fair_share(1, 39, 40));
	cr_assert_not(fair_share(0, 40, 40));
	cr_assert_not(fair_share(0, 41, 40));
}
