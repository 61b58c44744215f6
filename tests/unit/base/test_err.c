#include <criterion/criterion.h>

#include "base/err.h"

Test(err, success_is_zero_and_has_a_row)
{
	cr_assert_eq(ERR_OK, 0);
	cr_assert_str_eq(err_info(ERR_OK)->code, "ok");
	cr_assert_eq(err_info(ERR_OK)->http, 200);
	cr_assert_eq(err_info(ERR_OK)->grpc, 0);
	cr_assert_null(err_info(ERR_OK)->oauth);
	cr_assert_str_eq(err_info(ERR_OK)->text, "");
}

Test(err, each_error_has_the_row_of_its_name)
{
	cr_assert_str_eq(err_info(ERR_INVALID_CLIENT)->code, "invalid_client");
	cr_assert_eq(err_info(ERR_INVALID_CLIENT)->http, 401);
	cr_assert_eq(err_info(ERR_INVALID_CLIENT)->grpc, 16);
	cr_assert_str_eq(err_info(ERR_OVERLOADED)->oauth, "temporarily_unavailable");
	cr_assert_str_eq(err_info(ERR_RATE_LIMITED)->oauth, "temporarily_unavailable");
	cr_assert_str_eq(err_info(ERR_DEADLINE_EXCEEDED)->code, "deadline_exceeded");
	cr_assert_eq(err_info(ERR_DEADLINE_EXCEEDED)->http, 504);
	cr_assert_eq(err_info(ERR_DEADLINE_EXCEEDED)->grpc, 4);
	cr_assert_str_eq(err_info(ERR_CRYPTO)->code, "crypto");
}

Test(err, every_row_is_filled_and_no_code_stands_twice)
{
	for (int i = 1; i < ERR_COUNT; i++) {
		const struct err_info *info = err_info((enum err)i);
		cr_assert(info->code != NULL && info->code[0] != '\0', "row %d", i);
		cr_assert(info->text != NULL && info->text[0] != '\0', "row %d", i);
		cr_assert(info->http >= 400 && info->http <= 599, "row %d", i);
		cr_assert(info->grpc >= 1 && info->grpc <= 16, "row %d", i);
		for (int j = 0; j < i; j++)
			cr_assert_str_neq(info->code, err_info((enum err)j)->code);
	}
}

Test(err, a_value_outside_of_the_enum_is_an_internal_error)
{
	cr_assert_str_eq(err_info(ERR_COUNT)->code, "internal");
	cr_assert_str_eq(err_info((enum err) - 1)->code, "internal");
}

/* What an op needs to know of HTTP's classes, and no more: internal faults are shown to nobody,
 * and who is told to come again is told so by every transport. */
Test(err, a_fault_is_the_callers_the_moments_or_ours)
{
	cr_assert_eq(err_fault(ERR_OK), FAULT_NONE);
	cr_assert_eq(err_fault(ERR_INVALID_CLIENT), FAULT_CALLER);
	cr_assert_eq(err_fault(ERR_CANCELLED), FAULT_CALLER);
	cr_assert_eq(err_fault(ERR_RATE_LIMITED), FAULT_PASSING);
	cr_assert_eq(err_fault(ERR_STORE_UNAVAILABLE), FAULT_PASSING);
	for (int err = ERR_INTERNAL; err < ERR_COUNT; err++)
		cr_assert_eq(err_fault((enum err)err), FAULT_OURS, "%d", err);
}
