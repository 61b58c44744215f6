/* The table of all that a gateway asks. */
#include <criterion/criterion.h>

#include "store/statements.h"

/* By its name PostgreSQL knows it. */
Test(statements, each_is_there_and_has_a_name_of_its_own)
{
	for (int i = 0; i < STATEMENT_COUNT; i++) {
		cr_assert(store_statements[i].name != NULL && store_statements[i].sql != NULL, "%d", i);
		for (int j = 0; j < i; j++)
			cr_expect_str_neq(store_statements[i].name, store_statements[j].name);
	}
}
