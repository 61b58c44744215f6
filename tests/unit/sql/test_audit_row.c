/* A row's bytes against those that `copy (select ...) to stdout (format binary)` of a PostgreSQL
 * 15 gave for it; e2e_seals holds every kind of row against a real one. */
#include <criterion/criterion.h>

#include "sql/audit_row.h"

static char bytes[4096];
static struct sbuf out;

static void up(void)
{
	out = sbuf_fixed(bytes, sizeof bytes);
}

TestSuite(audit_row, .init = up);

static const struct uuid organization = {{0x33, 3}};

/* In hex: 00030403eb9164e5 and 00030404c21a0f40 microseconds since 2000. */
static struct audit_row example(void)
{
	return (struct audit_row){.issued_at = INT64_C(1795524613719269),
				  .expires_at = INT64_C(1795528213000000),
				  .jti = {{0x11, 1}},
				  .organization_id = &organization,
				  .request_id = {{0x44, 4}},
				  .batch_id = {{0x22, 2}},
				  .secret_version = 3,
				  .transport = 'r',
				  .client_id = STR("m2m_x"),
				  .kid = STR("k"),
				  .caller = STR("c"),
				  .scope = STR(""),
				  .audience = STR("a")};
}

static void expect_bytes(size_t from, struct str want)
{
	cr_assert_leq(from + want.n, out.n);
	cr_expect_arr_eq(out.p + from, want.p, want.n, "at byte %zu", from);
}

Test(audit_row, fields_stand_behind_their_lengths_in_the_order_of_the_columns)
{
	struct audit_row row = example();
	cr_assert(audit_row_write(&row, &out));
	expect_bytes(0, STR("\0\x10"
			    "\0\0\0\x08\0\x03\x04\x03\xeb\x91\x64\xe5"
			    "\0\0\0\x08\0\x03\x04\x04\xc2\x1a\x0f\x40"
			    "\0\0\0\x10\x11\x01"));
	expect_bytes(2 + 12 + 12 + 20 + 60, STR("\0\0\0\x04\0\0\0\x03"
						"\0\0\0\x01r"
						"\0\0\0\x05m2m_x"
						"\0\0\0\x01k"
						"\0\0\0\x01"
						"c"
						"\0\0\0\0"
						"\0\0\0\x01"
						"a"
						"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"));
}

Test(audit_row, addresses_are_those_of_inet)
{
	static const struct {
		const char *text;
		struct str want;
	} cases[] = {
		{"127.0.0.1", STR("\0\0\0\x08\x02\x20\0\x04\x7f\0\0\x01")},
		{"::1", STR("\0\0\0\x14\x03\x80\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01")},
		{"::ffff:192.0.2.1", STR("\0\0\0\x14\x03\x80\0\x10\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01")},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct audit_row row = example();
		row.remote_addr = str_of(cases[i].text);
		up();
		cr_assert(audit_row_write(&row, &out), "%s", cases[i].text);
		expect_bytes(out.n - 8 - cases[i].want.n, cases[i].want);
	}
	struct audit_row row = example();
	row.remote_addr = STR("somewhere");
	cr_expect_not(audit_row_write(&row, &out));
}

Test(audit_row, what_is_null_has_no_length)
{
	struct audit_row row = example();
	row.organization_id = NULL;
	row.secret_version = 0;
	row.client_id = STR_NONE;
	cr_assert(audit_row_write(&row, &out));
	expect_bytes(2 + 12 + 12 + 20, STR("\xff\xff\xff\xff\0\0\0\x10\x44"));
	expect_bytes(2 + 12 + 12 + 20 + 4 + 40, STR("\xff\xff\xff\xff\0\0\0\x01r\xff\xff\xff\xff\0\0\0\x01k"));
}

Test(audit_row, what_was_written_is_read_again)
{
	struct audit_row row = example();
	int64_t issued_at = 0;
	struct uuid jti, batch_id;
	for (int i = 0; i < 2; i++) {
		row.organization_id = i == 0 ? &organization : NULL;
		up();
		cr_assert(audit_row_write(&row, &out));
		cr_assert_eq(audit_row_read(sbuf_str(&out), &issued_at, &jti, &batch_id), ERR_OK);
		cr_expect_eq(issued_at, row.issued_at);
		cr_expect_arr_eq(jti.b, row.jti.b, 16);
		cr_expect_arr_eq(batch_id.b, row.batch_id.b, 16);
	}
	for (size_t n = 0; n < 100; n++)
		cr_expect_eq(audit_row_read(str_from(out.p, n), &issued_at, &jti, &batch_id),
			     n < 2 + 12 + 12 + 20 + 4 + 20 + 20 ? ERR_MALFORMED : ERR_OK, "cut to %zu", n);
}

Test(audit_row, what_does_not_fit_is_refused)
{
	char small[64];
	struct sbuf little = sbuf_fixed(small, sizeof small);
	struct audit_row row = example();
	cr_expect_not(audit_row_write(&row, &little));
}
