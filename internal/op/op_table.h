/* Every operation, once: the transports route by it, the metrics count by it, the contract test holds the API documents to it.
 *
 * OP(id, name, HTTP method, REST path, gRPC method or NULL, who may call, language of its errors, first step) */
#ifndef M2M_OP_OP_TABLE_H
#define M2M_OP_OP_TABLE_H

/* clang-format off */
#define OP_TABLE(OP) \
	OP(GET_CLIENT_ID,     "get_client_id",     "GET",  "/m2m/client-id",     "GetClientId",        OP_MEMBER, OP_ERRORS_PROBLEM, op_get_client_id_steps) \
	OP(GET_CLIENT_SECRET, "get_client_secret", "GET",  "/m2m/client-secret", "GetClientSecret",    OP_ADMIN,  OP_ERRORS_PROBLEM, op_get_client_secret_steps) \
	OP(ISSUE_TOKEN,       "issue_token",       "POST", "/m2m/token",         "IssueToken",         OP_ADMIN,  OP_ERRORS_GRANT,   op_issue_token_steps) \
	OP(ROTATE_SECRET,     "rotate_secret",     "POST", "/m2m/rotate",        "RotateClientSecret", OP_ADMIN,  OP_ERRORS_PROBLEM, op_rotate_secret_steps) \
	OP(OAUTH_TOKEN,       "oauth_token",       "POST", "/oauth2/token",      NULL,                 OP_CLIENT, OP_ERRORS_OAUTH,   op_oauth_token_steps) \
	OP(JWKS,              "jwks",              "GET",  "/.well-known/jwks.json", NULL,             OP_ANYONE, OP_ERRORS_PROBLEM, op_jwks_steps) \
	OP(OAUTH_METADATA,    "oauth_metadata",    "GET",  "/.well-known/oauth-authorization-server", NULL, OP_ANYONE, OP_ERRORS_PROBLEM, op_metadata_steps) \
	OP(OPENID_METADATA,   "openid_metadata",   "GET",  "/.well-known/openid-configuration",       NULL, OP_ANYONE, OP_ERRORS_PROBLEM, op_metadata_steps) \
	OP(OPENAPI_YAML,      "openapi_yaml",      "GET",  "/openapi.yaml",      NULL,                 OP_ANYONE, OP_ERRORS_PROBLEM, op_openapi_yaml_steps) \
	OP(OPENAPI_JSON,      "openapi_json",      "GET",  "/openapi.json",      NULL,                 OP_ANYONE, OP_ERRORS_PROBLEM, op_openapi_json_steps)
/* clang-format on */

#endif
