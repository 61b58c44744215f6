#include "op/act_refused.h"

#include <string.h>

#include "base/starved.h"
#include "op/portal.h"

static const char *changed(enum change disabled, const char *set, const char *disable, const char *enable)
{
	return disabled == CHANGE_NONE ? set : disabled == CHANGE_ON ? disable : enable;
}

static const char *addition(struct str kind)
{
	return str_eq(kind, STR("key"))           ? "add_key"
	       : str_eq(kind, STR("certificate")) ? "add_certificate"
	       : str_eq(kind, STR("workload"))    ? "add_workload"
						  : "add_credential";
}

/* As the statements call them. NULL: it isn't an act, or one that only ends what is the caller's
 * own. */
static const char *action_of(const struct op *op)
{
	const struct op_input *in = &op->in;
	switch (op->spec->id) {
	case OP_CREATE_ORGANIZATION:
		return "create_organization";
	case OP_UPDATE_ORGANIZATION:
		return changed(in->org_change.disabled, "set_organization", "disable_organization", "enable_organization");
	case OP_DELETE_ORGANIZATION:
		return "delete_organization";
	case OP_CREATE_CLIENT:
		return "create_client";
	case OP_UPDATE_CLIENT:
		return changed(in->client.disabled, "set_client", "disable_client", "enable_client");
	case OP_DELETE_CLIENT:
		return "delete_client";
	case OP_GET_CLIENT_SECRET:
	case OP_READ_CLIENT_SECRET:
		return "read_secret";
	case OP_ROTATE_SECRET:
	case OP_ROTATE_CLIENT:
		return "rotate_secret";
	case OP_PROLONG_ROTATION:
	case OP_PROLONG_CLIENT_ROTATION:
		return "prolong_grace";
	case OP_CANCEL_ROTATION:
	case OP_CANCEL_CLIENT_ROTATION:
		return "cancel_grace";
	case OP_ADD_CREDENTIAL:
		return addition(in->new_credential.kind);
	case OP_REMOVE_CREDENTIAL:
		return "remove_credential";
	case OP_CREATE_PORTAL_LINK:
		return "make_portal_link";
	case OP_END_PORTAL_SESSION:
		return "end_portal_session";
	case OP_END_CONSOLE_SESSION:
		return "end_console_session";
	case OP_ROTATE_SIGNING_KEY:
		return "rotate_signing_key";
	case OP_REVOKE_SIGNING_KEY:
		return "revoke_signing_key";
	default:
		return NULL;
	}
}

/* What it is done to, besides organization and client. */
static void name_object(struct op *op)
{
	switch (op->spec->id) {
	case OP_CREATE_ORGANIZATION:
		op->act.about = "slug";
		op->act.what = &op->in.new_org.slug;
		break;
	case OP_REMOVE_CREDENTIAL:
		op->act.about = "credential";
		op->act.what = &op->in.credential_id;
		break;
	case OP_CREATE_PORTAL_LINK:
		op->act.about = op->portal == NULL ? NULL : "for";
		op->act.what = op->portal == NULL ? NULL : &op->portal->link.actor;
		break;
	case OP_END_PORTAL_SESSION:
	case OP_END_CONSOLE_SESSION:
		op->act.about = op->portal == NULL ? NULL : "session_id";
		op->act.what = op->portal == NULL ? NULL : &op->portal->session_id;
		break;
	case OP_REVOKE_SIGNING_KEY:
		op->act.about = "kid";
		op->act.what = &op->in.kid;
		break;
	default:
		break;
	}
}

void op_name_act(struct op *op)
{
	op->act.action = op->spec == NULL ? NULL : action_of(op);
	if (op->act.action == NULL)
		return;
	op->act.organization = &op->in.organization;
	op->act.organization_id = &op->organization_id;
	op->act.client_id = &op->in.client_id;
	name_object(op);
	op->origin.act = &op->act;
}

/* Whose refusals are recorded. Of an outside issuer's bearer the organization isn't known where
 * none is wanted, and of an operator's token whether it is live where it opens nothing. */
static bool is_somebody(const struct op *op)
{
	static const struct uuid unknown;
	if (!op->caller_known || op_is_session(op) || op->platform)
		return op->caller_known;
	return !op->operator_token && (op->caller.client_id.p != NULL || memcmp(&op->organization_id, &unknown, sizeof unknown) != 0);
}

bool op_record_refusal(struct op *op, act_recorded *done)
{
	if (op->err != ERR_FORBIDDEN || op->origin.act == NULL || op->act.asked || !is_somebody(op) || op->starved != starved_count())
		return false;
	op->act.asked = true;
	op->act.below = op->platform || op_is_session(op) ? NULL : &op->caller;
	enum err err = store_record_refusal(op->env->store, &op->origin, op->err, done, op);
	if (err != ERR_OK && err != ERR_RATE_LIMITED)
		op->err = err;
	return err == ERR_OK;
}
