/* The steps of each operation and what they share. Private to op/. */
#ifndef M2M_OP_OP_STEPS_H
#define M2M_OP_OP_STEPS_H

#include "op/op.h"

extern op_step *const op_get_client_id_steps[];
extern op_step *const op_get_client_secret_steps[];
extern op_step *const op_issue_token_steps[];
extern op_step *const op_oauth_token_steps[];
extern op_step *const op_rotate_secret_steps[];
extern op_step *const op_list_secrets_steps[];
extern op_step *const op_get_rotation_steps[];
extern op_step *const op_change_rotation_steps[];
extern op_step *const op_get_client_rotation_steps[];
extern op_step *const op_change_client_rotation_steps[];
extern op_step *const op_list_token_audit_steps[];
extern op_step *const op_list_acts_steps[];
extern op_step *const op_list_all_acts_steps[];
extern op_step *const op_sum_tokens_steps[];
extern op_step *const op_list_organizations_steps[];
extern op_step *const op_create_organization_steps[];
extern op_step *const op_get_organization_steps[];
extern op_step *const op_update_organization_steps[];
extern op_step *const op_delete_organization_steps[];
extern op_step *const op_list_clients_steps[];
extern op_step *const op_create_client_steps[];
extern op_step *const op_get_client_steps[];
extern op_step *const op_update_client_steps[];
extern op_step *const op_delete_client_steps[];
extern op_step *const op_read_client_secret_steps[];
extern op_step *const op_rotate_client_steps[];
extern op_step *const op_list_credentials_steps[];
extern op_step *const op_get_credential_steps[];
extern op_step *const op_add_credential_steps[];
extern op_step *const op_remove_credential_steps[];
extern op_step *const op_introspect_token_steps[];
extern op_step *const op_revoke_token_steps[];
extern op_step *const op_list_revocations_steps[];
extern op_step *const op_create_portal_link_steps[];
extern op_step *const op_list_portal_sessions_steps[];
extern op_step *const op_end_portal_session_steps[];
extern op_step *const op_open_portal_session_steps[];
extern op_step *const op_get_portal_session_steps[];
extern op_step *const op_close_portal_session_steps[];
extern op_step *const op_list_all_clients_steps[];
extern op_step *const op_list_sessions_steps[];
extern op_step *const op_end_console_session_steps[];
extern op_step *const op_list_signing_keys_steps[];
extern op_step *const op_rotate_signing_key_steps[];
extern op_step *const op_revoke_signing_key_steps[];
extern op_step *const op_list_master_keys_steps[];
extern op_step *const op_list_all_token_audit_steps[];
extern op_step *const op_list_denied_audit_steps[];
extern op_step *const op_get_health_steps[];
extern op_step *const op_open_console_session_steps[];
extern op_step *const op_get_console_session_steps[];
extern op_step *const op_close_console_session_steps[];
extern op_step *const op_jwks_steps[];
extern op_step *const op_oauth_metadata_steps[];
extern op_step *const op_openid_metadata_steps[];
extern op_step *const op_authorize_steps[];
extern op_step *const op_openapi_yaml_steps[];
extern op_step *const op_openapi_json_steps[];

/* Who is calling: verifies the bearer's signature, issuer and times, and sets `caller`, or
 * `platform`. Whether it still has any right is for SQL to say. */
op_step op_authenticate;
/* After it, for /admin: the platform's role, or a session that may (portal.h), or FORBIDDEN. */
op_step op_require_platform;
/* After it, for what is the operator's alone: a console session, or an operator's token, or
 * FORBIDDEN. */
op_step op_require_operator;
/* After that: the caller acts as an admin of in.organization, which must exist and be enabled. A
 * session is of that organization already. */
op_step op_act_for_organization;

/* The limits of base's rate tables (rate_limits.h). op_admit may fail the op with RATE_LIMITED
 * and sets retry_after; it and op_settle are called only where there are limits. op_limit_client
 * is a step of what issues tokens, before anything is asked for; op_limit_guesses of what else a
 * client authenticates itself for: only a wrong credential takes something there. */
void op_admit(struct op *op);
op_step op_limit_client;
op_step op_limit_guesses;
void op_settle(struct op *op);

/* What a new organization's default client has unless told otherwise. Strings are the config's. */
void op_default_client(struct op *op, struct client_spec *ret);

/* A secret of params->version under the ring's active key: its salt in params, how it is kept in
 * op->fresh (all but client_id), op->secret and out.version. */
MUST_CHECK enum err op_fresh_secret(struct op *op, struct secret_params *params);

/* A client id and its first secret, in op->fresh and op->secret. */
MUST_CHECK enum err op_make_credential(struct op *op, const struct uuid *organization_id);

/* The secret of a version that is stored, in op->secret; op->arena is marked for wiping.
 * ERR_KEY_MISSING, ERR_INTERNAL: what is stored doesn't fit the key. */
MUST_CHECK enum err op_derive_secret(struct op *op, const struct credential *c);

#endif
