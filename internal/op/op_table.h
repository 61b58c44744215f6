/* Every operation, once: the transports route by it, the metrics count by it, the contract test
 * holds the API documents to it.
 *
 * A path's {organization}, {client_id}, {credential_id}, {session_id} and {kid} stand for one
 * segment each.
 *
 * OP(id, name, HTTP method, REST path, gRPC method or NULL, who may call, language of its
 * errors, first step) */
#ifndef M2M_OP_OP_TABLE_H
#define M2M_OP_OP_TABLE_H

/* clang-format off */
#define OP_TABLE(OP) \
	OP(GET_CLIENT_ID,     "get_client_id",     "GET",  "/m2m/client-id",     "GetClientId",        OP_BY_MEMBER, OP_ERRORS_PROBLEM, op_get_client_id_steps) \
	OP(GET_CLIENT_SECRET, "get_client_secret", "GET",  "/m2m/client-secret", "GetClientSecret",    OP_BY_ADMIN,  OP_ERRORS_PROBLEM, op_get_client_secret_steps) \
	OP(ISSUE_TOKEN,       "issue_token",       "POST", "/m2m/token",         "IssueToken",         OP_BY_ADMIN,  OP_ERRORS_GRANT,   op_issue_token_steps) \
	OP(ROTATE_SECRET,     "rotate_secret",     "POST", "/m2m/rotate",        "RotateClientSecret", OP_BY_ADMIN,  OP_ERRORS_PROBLEM, op_rotate_secret_steps) \
	OP(LIST_SECRETS,      "list_secrets",      "GET",  "/m2m/secrets",       "ListSecrets",        OP_BY_ADMIN,  OP_ERRORS_PROBLEM, op_list_secrets_steps) \
	OP(GET_ROTATION,      "get_rotation",      "GET",    "/m2m/rotation",     "GetRotation",        OP_BY_ADMIN,  OP_ERRORS_PROBLEM, op_get_rotation_steps) \
	OP(PROLONG_ROTATION,  "prolong_rotation",  "PATCH",  "/m2m/rotation",     "ProlongRotation",    OP_BY_ADMIN,  OP_ERRORS_PROBLEM, op_change_rotation_steps) \
	OP(CANCEL_ROTATION,   "cancel_rotation",   "DELETE", "/m2m/rotation",     "CancelRotation",     OP_BY_ADMIN,  OP_ERRORS_PROBLEM, op_change_rotation_steps) \
	OP(LIST_TOKEN_AUDIT,  "list_token_audit",  "GET",  "/m2m/audit/tokens",  "ListTokenAudit",     OP_BY_ADMIN,  OP_ERRORS_PROBLEM, op_list_token_audit_steps) \
	OP(LIST_ACTS,         "list_acts",         "GET",  "/m2m/audit/acts",    "ListActs",           OP_BY_ADMIN,  OP_ERRORS_PROBLEM, op_list_acts_steps) \
	OP(SUM_TOKENS,        "sum_tokens",        "GET",  "/m2m/audit/token-sums", "SumTokens",       OP_BY_ADMIN,  OP_ERRORS_PROBLEM, op_sum_tokens_steps) \
	OP(LIST_ALL_ACTS,     "list_all_acts",     "GET",  "/admin/audit/acts",  NULL,                 OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_list_all_acts_steps) \
	OP(OAUTH_TOKEN,       "oauth_token",       "POST", "/oauth2/token",      NULL,                 OP_BY_CLIENT, OP_ERRORS_OAUTH,   op_oauth_token_steps) \
	OP(INTROSPECT_TOKEN,  "introspect_token",  "POST", "/oauth2/introspect",  "IntrospectToken", OP_BY_RESOURCE_SERVER, OP_ERRORS_GRANT, op_introspect_token_steps) \
	OP(REVOKE_TOKEN,      "revoke_token",      "POST", "/oauth2/revoke",      "RevokeToken",     OP_BY_CLIENT,          OP_ERRORS_OAUTH, op_revoke_token_steps) \
	OP(LIST_REVOCATIONS,  "list_revocations",  "GET",  "/oauth2/revocations", NULL,              OP_BY_RESOURCE_SERVER, OP_ERRORS_GRANT, op_list_revocations_steps) \
	OP(LIST_ORGANIZATIONS,  "list_organizations",  "GET",    "/admin/organizations",                NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_list_organizations_steps) \
	OP(CREATE_ORGANIZATION, "create_organization", "POST",   "/admin/organizations",                NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_create_organization_steps) \
	OP(GET_ORGANIZATION,    "get_organization",    "GET",    "/admin/organizations/{organization}", NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_get_organization_steps) \
	OP(UPDATE_ORGANIZATION, "update_organization", "PATCH",  "/admin/organizations/{organization}", NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_update_organization_steps) \
	OP(DELETE_ORGANIZATION, "delete_organization", "DELETE", "/admin/organizations/{organization}", NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_delete_organization_steps) \
	OP(LIST_CLIENTS,        "list_clients",        "GET",    "/admin/organizations/{organization}/clients", NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_list_clients_steps) \
	OP(CREATE_CLIENT,       "create_client",       "POST",   "/admin/organizations/{organization}/clients", NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_create_client_steps) \
	OP(GET_CLIENT,          "get_client",          "GET",    "/admin/organizations/{organization}/clients/{client_id}", NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_get_client_steps) \
	OP(UPDATE_CLIENT,       "update_client",       "PATCH",  "/admin/organizations/{organization}/clients/{client_id}", NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_update_client_steps) \
	OP(DELETE_CLIENT,       "delete_client",       "DELETE", "/admin/organizations/{organization}/clients/{client_id}", NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_delete_client_steps) \
	OP(READ_CLIENT_SECRET,  "read_client_secret",  "GET",    "/admin/organizations/{organization}/clients/{client_id}/secret", NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_read_client_secret_steps) \
	OP(ROTATE_CLIENT,       "rotate_client",       "POST",   "/admin/organizations/{organization}/clients/{client_id}/rotate", NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_rotate_client_steps) \
	OP(GET_CLIENT_ROTATION,     "get_client_rotation",     "GET",    "/admin/organizations/{organization}/clients/{client_id}/rotation", NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_get_client_rotation_steps) \
	OP(PROLONG_CLIENT_ROTATION, "prolong_client_rotation", "PATCH",  "/admin/organizations/{organization}/clients/{client_id}/rotation", NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_change_client_rotation_steps) \
	OP(CANCEL_CLIENT_ROTATION,  "cancel_client_rotation",  "DELETE", "/admin/organizations/{organization}/clients/{client_id}/rotation", NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_change_client_rotation_steps) \
	OP(LIST_CREDENTIALS,    "list_credentials",    "GET",    "/admin/organizations/{organization}/clients/{client_id}/credentials", NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_list_credentials_steps) \
	OP(ADD_CREDENTIAL,      "add_credential",      "POST",   "/admin/organizations/{organization}/clients/{client_id}/credentials", NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_add_credential_steps) \
	OP(GET_CREDENTIAL,      "get_credential",      "GET",    "/admin/organizations/{organization}/clients/{client_id}/credentials/{credential_id}", NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_get_credential_steps) \
	OP(REMOVE_CREDENTIAL,   "remove_credential",   "DELETE", "/admin/organizations/{organization}/clients/{client_id}/credentials/{credential_id}", NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_remove_credential_steps) \
	OP(CREATE_PORTAL_LINK,   "create_portal_link",   "POST",   "/admin/organizations/{organization}/portal-links", "CreatePortalLink", OP_BY_KEEPER, OP_ERRORS_PROBLEM, op_create_portal_link_steps) \
	OP(LIST_PORTAL_SESSIONS, "list_portal_sessions", "GET",    "/admin/organizations/{organization}/portal-sessions", NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_list_portal_sessions_steps) \
	OP(END_PORTAL_SESSION,   "end_portal_session",   "DELETE", "/admin/organizations/{organization}/portal-sessions/{session_id}", "EndPortalSession", OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_end_portal_session_steps) \
	OP(OPEN_PORTAL_SESSION,  "open_portal_session",  "POST",   "/portal/session", NULL, OP_BY_CODE,    OP_ERRORS_PROBLEM, op_open_portal_session_steps) \
	OP(GET_PORTAL_SESSION,   "get_portal_session",   "GET",    "/portal/session", NULL, OP_BY_SESSION, OP_ERRORS_PROBLEM, op_get_portal_session_steps) \
	OP(CLOSE_PORTAL_SESSION, "close_portal_session", "DELETE", "/portal/session", NULL, OP_BY_SESSION, OP_ERRORS_PROBLEM, op_close_portal_session_steps) \
	OP(LIST_ALL_CLIENTS,      "list_all_clients",      "GET",    "/admin/clients",         NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_list_all_clients_steps) \
	OP(LIST_SESSIONS,         "list_sessions",         "GET",    "/admin/portal-sessions", NULL, OP_BY_PLATFORM, OP_ERRORS_PROBLEM, op_list_sessions_steps) \
	OP(END_CONSOLE_SESSION,   "end_console_session",   "DELETE", "/admin/console-sessions/{session_id}", NULL, OP_BY_OPERATOR, OP_ERRORS_PROBLEM, op_end_console_session_steps) \
	OP(LIST_SIGNING_KEYS,     "list_signing_keys",     "GET",    "/admin/signing-keys",              NULL, OP_BY_OPERATOR, OP_ERRORS_PROBLEM, op_list_signing_keys_steps) \
	OP(ROTATE_SIGNING_KEY,    "rotate_signing_key",    "POST",   "/admin/signing-keys/rotate",       NULL, OP_BY_OPERATOR, OP_ERRORS_PROBLEM, op_rotate_signing_key_steps) \
	OP(REVOKE_SIGNING_KEY,    "revoke_signing_key",    "POST",   "/admin/signing-keys/{kid}/revoke", NULL, OP_BY_OPERATOR, OP_ERRORS_PROBLEM, op_revoke_signing_key_steps) \
	OP(LIST_MASTER_KEYS,      "list_master_keys",      "GET",    "/admin/master-keys",               NULL, OP_BY_OPERATOR, OP_ERRORS_PROBLEM, op_list_master_keys_steps) \
	OP(LIST_ALL_TOKEN_AUDIT,  "list_all_token_audit",  "GET",    "/admin/audit/tokens",              NULL, OP_BY_OPERATOR, OP_ERRORS_PROBLEM, op_list_all_token_audit_steps) \
	OP(LIST_DENIED_AUDIT,     "list_denied_audit",     "GET",    "/admin/audit/denied",              NULL, OP_BY_OPERATOR, OP_ERRORS_PROBLEM, op_list_denied_audit_steps) \
	OP(GET_HEALTH,            "get_health",            "GET",    "/admin/health",                    NULL, OP_BY_OPERATOR, OP_ERRORS_PROBLEM, op_get_health_steps) \
	OP(OPEN_CONSOLE_SESSION,  "open_console_session",  "POST",   "/console/session", NULL, OP_BY_CODE,    OP_ERRORS_PROBLEM, op_open_console_session_steps) \
	OP(GET_CONSOLE_SESSION,   "get_console_session",   "GET",    "/console/session", NULL, OP_BY_SESSION, OP_ERRORS_PROBLEM, op_get_console_session_steps) \
	OP(CLOSE_CONSOLE_SESSION, "close_console_session", "DELETE", "/console/session", NULL, OP_BY_SESSION, OP_ERRORS_PROBLEM, op_close_console_session_steps) \
	OP(JWKS,              "jwks",              "GET",  "/.well-known/jwks.json", NULL,             OP_BY_ANYONE, OP_ERRORS_PROBLEM, op_jwks_steps) \
	OP(OAUTH_METADATA,    "oauth_metadata",    "GET",  "/.well-known/oauth-authorization-server", NULL, OP_BY_ANYONE, OP_ERRORS_PROBLEM, op_oauth_metadata_steps) \
	OP(OPENID_METADATA,   "openid_metadata",   "GET",  "/.well-known/openid-configuration",       NULL, OP_BY_ANYONE, OP_ERRORS_PROBLEM, op_openid_metadata_steps) \
	OP(OAUTH_AUTHORIZE,   "oauth_authorize",   "GET",  "/oauth2/authorize", NULL,                 OP_BY_ANYONE, OP_ERRORS_OAUTH,   op_authorize_steps) \
	OP(OPENAPI_YAML,      "openapi_yaml",      "GET",  "/openapi.yaml",      NULL,                 OP_BY_ANYONE, OP_ERRORS_PROBLEM, op_openapi_yaml_steps) \
	OP(OPENAPI_JSON,      "openapi_json",      "GET",  "/openapi.json",      NULL,                 OP_BY_ANYONE, OP_ERRORS_PROBLEM, op_openapi_json_steps)
/* clang-format on */

#endif
