#include "op/confirmation.h"

void op_put_confirmation(struct json_out *o, struct str bound_to)
{
	struct str value = bound_to;
	struct str member = str_split(&value, ':');
	if (bound_to.n == 0)
		return;
	json_open(o, "cnf", '{');
	json_put_str(o, str_eq(member, STR("jkt")) ? "jkt" : "x5t#S256", value);
	json_close(o, '}');
}
