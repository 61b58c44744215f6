#include "rest/rest_status.h"

/* RFC 9449: a proof at the token endpoint is wrong with 400 (sections 5 and 8), the proof of a
 * bearer with 401 (sections 7.1 and 9). */
static bool is_of_bearer_s_proof(const struct op *op)
{
	return op->spec != NULL && op->spec->who != OP_BY_CLIENT &&
	       (op->err == ERR_INVALID_DPOP_PROOF || op->err == ERR_USE_DPOP_NONCE || op->err == ERR_PROOF_REPLAYED);
}

int rest_status(const struct op *op)
{
	if (is_of_bearer_s_proof(op))
		return 401;
	if (op->err != ERR_OK || op->spec == NULL)
		return err_info(op->err)->http;
	switch (op->spec->id) {
	case OP_CREATE_ORGANIZATION:
	case OP_CREATE_CLIENT:
	case OP_ADD_CREDENTIAL:
	case OP_CREATE_PORTAL_LINK:
	case OP_OPEN_PORTAL_SESSION:
	case OP_OPEN_CONSOLE_SESSION:
	case OP_ROTATE_SIGNING_KEY:
		return 201;
	case OP_DELETE_ORGANIZATION:
	case OP_DELETE_CLIENT:
	case OP_REMOVE_CREDENTIAL:
	case OP_END_PORTAL_SESSION:
	case OP_CLOSE_PORTAL_SESSION:
	case OP_CLOSE_CONSOLE_SESSION:
	case OP_END_CONSOLE_SESSION:
		return 204;
	default:
		return op->out.not_modified ? 304 : 200;
	}
}
