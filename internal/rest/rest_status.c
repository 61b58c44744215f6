#include "rest/rest_status.h"

int rest_status(const struct op *op)
{
	if (op->err != ERR_OK || op->spec == NULL)
		return err_info(op->err)->http;
	switch (op->spec->id) {
	case OP_CREATE_ORGANIZATION:
	case OP_CREATE_CLIENT:
	case OP_ADD_CREDENTIAL:
		return 201;
	case OP_DELETE_ORGANIZATION:
	case OP_DELETE_CLIENT:
	case OP_REMOVE_CREDENTIAL:
		return 204;
	default:
		return op->out.not_modified ? 304 : 200;
	}
}
