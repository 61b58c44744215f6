/* Words of the SQL to errors, through the error table. */
#include "sql/outcome.h"

enum err outcome_err(struct str outcome)
{
	if (str_eq(outcome, STR("granted")) || str_eq(outcome, STR("replay")))
		return ERR_OK;
	for (int err = 1; err < ERR_COUNT; err++)
		if (str_eq(outcome, str_of(err_info((enum err)err)->code)))
			return (enum err)err;
	return ERR_INTERNAL;
}
