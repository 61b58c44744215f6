#include <criterion/criterion.h>

#include <pthread.h>
#include <stdlib.h>

#include "base/uuid.h"

static void expect_text(struct uuid u, const char *want)
{
	char text[UUID_TEXT_LEN + 1] = {0};
	uuid_format(u, text);
	cr_assert_str_eq(text, want);
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct uuid));
}

Test(uuid, version_7_carries_time_version_and_variant)
{
	/* The millisecond of RFC 9562 appendix A.6, and half a millisecond: fraction 0x800. */
	struct uuid u = uuid_v7(INT64_C(0x017F22E279B0) * 1000 + 500);
	static const uint8_t want[8] = {0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, 0x78, 0x00};
	cr_assert_eq(memcmp(u.b, want, sizeof want), 0);
	cr_assert_eq(u.b[8] & 0xc0, 0x80);
}

Test(uuid, version_7_sorts_by_time_down_to_the_microsecond)
{
	struct uuid before = uuid_v7(INT64_C(1790000000000000));
	for (int us = 1; us < 3000; us++) {
		struct uuid now = uuid_v7(INT64_C(1790000000000000) + us);
		cr_assert_lt(by_bytes(&before, &now), 0, "microsecond %d", us);
		before = now;
	}
}

Test(uuid, ids_of_one_moment_differ)
{
	enum { MANY = 10000 };
	static struct uuid ids[MANY];
	for (int i = 0; i < MANY; i++)
		ids[i] = uuid_v7(0);
	qsort(ids, MANY, sizeof ids[0], by_bytes);
	for (int i = 1; i < MANY; i++)
		cr_assert_neq(by_bytes(&ids[i - 1], &ids[i]), 0);
}

static void *one_id(void *ret)
{
	*(struct uuid *)ret = uuid_v7(0);
	return NULL;
}

Test(uuid, threads_draw_from_pools_of_their_own)
{
	struct uuid mine = uuid_v7(0), theirs;
	pthread_t thread;
	cr_assert_eq(pthread_create(&thread, NULL, one_id, &theirs), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_neq(by_bytes(&mine, &theirs), 0);
}

Test(uuid, text_is_lower_case_with_hyphens)
{
	struct uuid u = {{0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, 0x7c, 0xc3, 0x98, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f}};
	expect_text(u, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

Test(uuid, text_is_read_in_either_case_and_any_version)
{
	struct uuid u;
	cr_assert_eq(uuid_parse(STR("017F22E2-79B0-7cc3-98C4-DC0C0C07398F"), &u), ERR_OK);
	expect_text(u, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
	cr_assert_eq(uuid_parse(STR("00000000-0000-0000-0000-000000000000"), &u), ERR_OK);
	expect_text(u, "00000000-0000-0000-0000-000000000000");
}

Test(uuid, other_forms_are_malformed_and_leave_the_result)
{
	static const struct str bad[] = {
		STR_NONE,
		STR(""),
		STR("017f22e279b07cc398c4dc0c0c07398f"),
		STR("017f22e2-79b0-7cc3-98c4-dc0c0c07398"),
		STR("017f22e2-79b0-7cc3-98c4-dc0c0c07398ff"),
		STR("017f22e2-79b0-7cc3-98c4-dc0c0c07398g"),
		STR("017f22e2079b0-7cc3-98c4-dc0c0c07398f"),
		STR("{17f22e2-79b0-7cc3-98c4-dc0c0c07398}"),
		STR("017f22e-279b0-7cc3-98c4-dc0c0c07398f"),
		STR("017f22e2-79b0-7cc3-98c4-dc0c0c07398\0"),
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct uuid u = {{1, 2, 3}};
		cr_assert_eq(uuid_parse(bad[i], &u), ERR_MALFORMED, "case %zu", i);
		cr_assert_eq(u.b[0], 1);
	}
}
