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
				  .audience = STR("a"),
				  .auth_method = 'b'};
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
	expect_bytes(0, STR("\0\x13"
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
						"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
						"\0\0\0\x01"
						"b"
						"\xff\xff\xff\xff\xff\xff\xff\xff"));
	cr_expect_eq(out.n, (size_t)2 + 12 + 12 + 20 + 60 + 8 + 5 + 9 + 5 + 5 + 4 + 5 + 12 + 5 + 8);
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
		expect_bytes(out.n - 8 - 5 - 8 - cases[i].want.n, cases[i].want);
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

static struct str sealed_bytes(struct str tuple, int version)
{
	static char joined[4096];
	struct str parts[2];
	struct sbuf all = sbuf_fixed(joined, sizeof joined);
	audit_row_sealed(tuple, version, parts);
	sbuf_put(&all, parts[0]);
	sbuf_put(&all, parts[1]);
	return sbuf_str(&all);
}

/* As a gateway hashed it that knew 16 columns. */
Test(audit_row, a_seal_of_version_1_is_of_the_first_16_fields)
{
	struct audit_row row = example();
	row.auth_method = '\0';
	cr_assert(audit_row_write(&row, &out));
	struct str tuple = sbuf_str(&out), v1 = sealed_bytes(tuple, 1);
	cr_assert_eq(v1.n, tuple.n - 12);
	cr_expect_arr_eq(v1.p, "\0\x10", 2);
	cr_expect_arr_eq(v1.p + 2, tuple.p + 2, v1.n - 2);
	/* and of an export of that time, whose rows are nothing else */
	char old[4096];
	memcpy(old, v1.p, v1.n);
	cr_expect(str_eq(sealed_bytes(str_from(old, v1.n), 1), str_from(old, v1.n)));
	cr_expect(str_eq(sealed_bytes(tuple, 2), tuple));
}

Test(audit_row, a_later_field_that_is_not_null_stays_in_what_version_1_hashes)
{
	for (int field = 0; field < 4; field++) {
		struct audit_row row = example();
		row.auth_method = field == 0 ? 'b' : '\0';
		row.credential = field == 1 ? STR("x") : STR_NONE;
		row.bound_to = field == 2 ? STR("") : field == 3 ? STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff") : STR_NONE;
		up();
		cr_assert(audit_row_write(&row, &out));
		cr_expect(str_eq(sealed_bytes(sbuf_str(&out), 1), sbuf_str(&out)), "field %d", field);
	}
}
