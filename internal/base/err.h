/* Errors: 0 is success, everything else is a row of err_table.h. */
#ifndef M2M_BASE_ERR_H
#define M2M_BASE_ERR_H

#include "base/err_table.h"

enum err {
	ERR_OK = 0,
#define ERR(name, code, http, grpc, oauth, text) ERR_##name,
	ERR_TABLE(ERR)
#undef ERR
		ERR_COUNT
};

struct err_info {
	const char *code;
	int http;
	int grpc;
	const char *oauth; /* NULL: no OAuth word for it */
	const char *text;
};

/* The row of `err`. Never NULL; ERR_OK gives {"ok", 200, 0, NULL, ""}. Static storage. */
const struct err_info *err_info(enum err err);

/* What those need who know no protocol: whose fault it is. A pure function of the row. */
enum err_fault {
	FAULT_NONE,    /* ERR_OK */
	FAULT_CALLER,  /* the request: the same one fails again */
	FAULT_PASSING, /* the moment: the same request may be granted soon */
	FAULT_OURS,    /* the program: only its log says what it is */
};
enum err_fault err_fault(enum err err);

#define MUST_CHECK __attribute__((warn_unused_result))

#endif
