/* The error table as data: the macro rows of err_table.h become one constant array, indexed by
 * the enum. */
#include "base/err.h"

#include <stddef.h>

static const struct err_info rows[] = {[ERR_OK] = {"ok", 200, 0, NULL, ""},
#define ERR(name, code, http, grpc, oauth, text) [ERR_##name] = {code, http, grpc, oauth, text},
				       ERR_TABLE(ERR)
#undef ERR
};

const struct err_info *err_info(enum err err)
{
	/* A value from outside of the enum can only be a fault of ours, and that is what the
	 * answer then says. */
	return (unsigned)err < ERR_COUNT ? &rows[err] : &rows[ERR_INTERNAL];
}

enum err_fault err_fault(enum err err)
{
	switch (err_info(err)->http) {
	case 200:
		return FAULT_NONE;
	case 429:
	case 503:
		return FAULT_PASSING;
	case 500:
		return FAULT_OURS;
	default:
		return FAULT_CALLER;
	}
}
