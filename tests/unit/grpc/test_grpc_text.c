#include <criterion/criterion.h>

#include "grpc/grpc_text.h"

static void lasts(struct str text, int64_t want_us)
{
	int64_t us = -1;
	cr_assert_eq(grpc_timeout_us(text, &us), ERR_OK, "'%.*s'", STR_ARG(text));
	cr_assert_eq(us, want_us, "'%.*s' is %lld us", STR_ARG(text), (long long)us);
}

static void is_no_timeout(struct str text)
{
	int64_t us = -1;
	cr_assert_eq(grpc_timeout_us(text, &us), ERR_MALFORMED, "'%.*s'", STR_ARG(text));
	cr_assert_eq(us, -1);
}

static void is_sent_as(struct str text, struct str want)
{
	char space[256];
	struct sbuf out = sbuf_fixed(space, sizeof space);
	grpc_put_message(&out, text);
	struct str got = sbuf_str(&out);
	cr_assert(str_eq(got, want), "got '%.*s', want '%.*s'", STR_ARG(got), STR_ARG(want));
}

Test(grpc_timeout, every_unit_comes_out_in_microseconds)
{
	lasts(STR("2H"), INT64_C(7200000000));
	lasts(STR("3M"), 180000000);
	lasts(STR("10S"), 10000000);
	lasts(STR("250m"), 250000);
	lasts(STR("42u"), 42);
	lasts(STR("5000n"), 5);
}

Test(grpc_timeout, nanoseconds_are_rounded_up_so_that_only_zero_is_none)
{
	lasts(STR("0n"), 0);
	lasts(STR("1n"), 1);
	lasts(STR("1000n"), 1);
	lasts(STR("1001n"), 2);
}

Test(grpc_timeout, zero_is_zero_in_any_unit)
{
	lasts(STR("0S"), 0);
	lasts(STR("00000000H"), 0);
}

Test(grpc_timeout, eight_digits_of_any_unit_fit)
{
	lasts(STR("99999999H"), INT64_C(359999996400000000));
	lasts(STR("99999999M"), INT64_C(5999999940000000));
	lasts(STR("00000001S"), 1000000);
	lasts(STR("99999999n"), 100000);
}

Test(grpc_timeout, nine_digits_are_too_many)
{
	is_no_timeout(STR("100000000n"));
	is_no_timeout(STR("000000001S"));
}

Test(grpc_timeout, digits_and_one_unit_are_both_needed)
{
	is_no_timeout(STR_NONE);
	is_no_timeout(STR(""));
	is_no_timeout(STR("S"));
	is_no_timeout(STR("10"));
	is_no_timeout(STR("10SS"));
	is_no_timeout(STR("10mS"));
}

Test(grpc_timeout, unknown_units_are_refused)
{
	is_no_timeout(STR("10s"));
	is_no_timeout(STR("10h"));
	is_no_timeout(STR("10U"));
	is_no_timeout(STR("10N"));
	is_no_timeout(STR("10\0"));
}

Test(grpc_timeout, nothing_but_digits_makes_a_number)
{
	is_no_timeout(STR("-1S"));
	is_no_timeout(STR("-0S"));
	is_no_timeout(STR("+1S"));
	is_no_timeout(STR(" 1S"));
	is_no_timeout(STR("1 S"));
	is_no_timeout(STR("1.5S"));
	is_no_timeout(STR("1S "));
	is_no_timeout(STR("1e3S"));
}

Test(grpc_content_type, grpc_alone_means_protobuf)
{
	cr_assert(grpc_content_type_ok(STR("application/grpc")));
	cr_assert(grpc_content_type_ok(STR("application/grpc+proto")));
}

Test(grpc_content_type, case_and_parameters_do_not_matter)
{
	cr_assert(grpc_content_type_ok(STR("Application/gRPC")));
	cr_assert(grpc_content_type_ok(STR("application/grpc;charset=utf-8")));
	cr_assert(grpc_content_type_ok(STR("application/grpc+proto ; v=1; w=2")));
}

Test(grpc_content_type, anything_else_is_refused)
{
	cr_assert_not(grpc_content_type_ok(STR_NONE));
	cr_assert_not(grpc_content_type_ok(STR("")));
	cr_assert_not(grpc_content_type_ok(STR("application/json")));
	cr_assert_not(grpc_content_type_ok(STR("application/grpc+json")));
	cr_assert_not(grpc_content_type_ok(STR("application/grpc-web")));
	cr_assert_not(grpc_content_type_ok(STR("application/grpc-web+proto")));
	cr_assert_not(grpc_content_type_ok(STR("application/grpcx")));
	cr_assert_not(grpc_content_type_ok(STR("application/grp")));
	cr_assert_not(grpc_content_type_ok(STR(";application/grpc")));
}

Test(grpc_names_coding, finds_a_coding_wherever_it_stands)
{
	cr_assert(grpc_names_coding(STR("gzip"), STR("gzip")));
	cr_assert(grpc_names_coding(STR("identity,deflate,gzip"), STR("gzip")));
	cr_assert(grpc_names_coding(STR("identity, \tGZIP , deflate"), STR("gzip")));
	cr_assert(grpc_names_coding(STR(",,gzip"), STR("gzip")));
}

Test(grpc_names_coding, a_part_of_a_name_is_another_name)
{
	cr_assert_not(grpc_names_coding(STR_NONE, STR("gzip")));
	cr_assert_not(grpc_names_coding(STR(""), STR("gzip")));
	cr_assert_not(grpc_names_coding(STR("identity, deflate"), STR("gzip")));
	cr_assert_not(grpc_names_coding(STR("x-gzip, gzip2, gzi p"), STR("gzip")));
}

Test(grpc_message, printable_ascii_stays_as_it_is)
{
	is_sent_as(STR("No: \"that\" (1/2) & $5 ~ <x>!"), STR("No: \"that\" (1/2) & $5 ~ <x>!"));
	is_sent_as(STR(""), STR(""));
}

Test(grpc_message, percent_is_encoded_so_that_decoding_gives_it_back)
{
	is_sent_as(STR("100% of %41"), STR("100%25 of %2541"));
}

Test(grpc_message, utf8_is_encoded_byte_by_byte_in_upper_case)
{
	is_sent_as(STR("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"), STR("%C3%A9 %E2%82%AC %F0%9F%98%80"));
}

Test(grpc_message, control_characters_never_reach_a_header)
{
	is_sent_as(STR("a\r\nb\tc\0d\x1f\x7f"), STR("a%0D%0Ab%09c%00d%1F%7F"));
	is_sent_as(STR("\x20\x24\x25\x26\x7e"), STR(" $%25&~"));
}
