#include "store/statements.h"

#include "sql/audit_writer.h"
#include "sql/promises.h"
#include "sql/sql_sql.h"
#include "store/store_sql.h"

const struct pg_statement store_statements[STATEMENT_COUNT] = {
	[STMT_ISSUE] = {"issue", sql_issue},
	[STMT_ISSUE_BEARER] = {"issue_bearer", sql_issue_bearer},
	[STMT_ISSUE_CREDENTIAL] = {"issue_credential", sql_issue_credential},
	[STMT_ISSUE_PROOF] = {"issue_proof", sql_issue_proof},
	[STMT_SEAL] = {"seal", sql_seal},
	/* With $1 it commits a record of no consequence to the WAL, to learn whether the server
	 * takes writes again. */
	[STMT_PROBE] = {"probe", "select current_setting('transaction_read_only') = 'on',"
				 " case when $1::bool then pg_logical_emit_message(true, 'm2m-gateway', '') end"},
	[STMT_READ_CLIENT_ID] = {"read_client_id", sql_read_client_id},
	[STMT_READ_SECRET] = {"read_secret", sql_read_secret},
	[STMT_ROTATE_BEGIN] = {"rotate_begin", sql_rotate_begin},
	[STMT_ROTATE] = {"rotate", sql_rotate},
	[STMT_ROTATION_READ] = {"rotation_read", sql_rotation_read},
	[STMT_ROTATION_CHANGE] = {"rotation_change", sql_rotation_change},
	[STMT_END_UNUSED] = {"end_unused", "select count(*) from m2m.end_unused_secrets($1::int4, $2::int4, 'm2m-gateway', '-', null)"},
	[STMT_CLIENT_JWKS] = {"client_jwks", sql_client_keys},
	[STMT_FOREIGN_HASHES] = {"foreign_hashes", sql_foreign_hashes},
	[STMT_ADOPT_SECRET] = {"adopt_secret", sql_adopt_secret},
	[STMT_USED_FORGET] = {"used_once_forget", "select m2m.used_once_forget()"},
	[STMT_USED_SPEND] = {"used_once_spend", sql_used_once_spend},
	[STMT_KEYS] = {"keys", sql_signing_keys},
	[STMT_TOKEN_LIST] = {"token_list", sql_token_list},
	[STMT_DENIED] = {"denied", sql_denied},
	[STMT_PARTITIONS] = {"partitions", "select m2m.audit_partitions_ahead($1::int4)"},
	[STMT_AUDIT_KEY] = {"audit_key", SQL_AUDIT_KEY},
	[STMT_AUDIT_HEALTH] = {"audit_health", "select default_used, partitions_until from m2m.audit_health()"},
	[STMT_SECRET_LIST] = {"secret_list", sql_secret_list},
	[STMT_SECRETS_ENDING] = {"secrets_ending", sql_secrets_ending},
	[STMT_ORG_LIST] = {"org_list", sql_org_list},
	[STMT_ORG_FIND] = {"org_find", sql_org_find},
	[STMT_ORG_RESOLVE] = {"org_resolve", sql_org_resolve},
	[STMT_ORG_CREATE] = {"org_create", sql_org_create},
	[STMT_ORG_CHANGE] = {"org_change", sql_org_change},
	[STMT_ORG_DELETE] = {"org_delete", sql_org_delete},
	[STMT_CLIENT_LIST] = {"client_list", sql_client_list},
	[STMT_CLIENT_SEARCH] = {"client_search", sql_client_search},
	[STMT_CLIENT_SEARCH_WITHIN] = {"client_search_within", sql_client_search_within},
	[STMT_CLIENT_FIND] = {"client_find", sql_client_find},
	[STMT_CLIENT_CREATE] = {"client_create", sql_client_create},
	[STMT_CLIENT_CHANGE] = {"client_change", sql_client_change},
	[STMT_CLIENT_DELETE] = {"client_delete", sql_client_delete},
	[STMT_CLIENT_CREDENTIAL_LIST] = {"key_list", sql_client_credential_list},
	[STMT_CLIENT_CREDENTIAL_ADD] = {"key_add", sql_client_credential_add},
	[STMT_CLIENT_CREDENTIAL_REMOVE] = {"key_remove", sql_client_credential_remove},
	[STMT_INTROSPECT_BY_SECRETS] = {"introspect_by_secrets", sql_introspect_by_secrets},
	[STMT_INTROSPECT_BY_CREDENTIALS] = {"introspect_by_credentials", sql_introspect_by_credentials},
	[STMT_INTROSPECT_BY_BEARER] = {"introspect_by_bearer", sql_introspect_by_bearer},
	[STMT_TOKEN_REVOKE] = {"token_revoke", sql_token_revoke},
	[STMT_REVOCATIONS_BY_CLIENT] = {"revocations_by_client", sql_revocations_by_client},
	[STMT_REVOCATIONS_BY_BEARER] = {"revocations_by_bearer", sql_revocations_by_bearer},
	[STMT_FORGET] = {"forget", sql_forget},
	[STMT_ACT_LIST] = {"act_list", sql_act_list},
	[STMT_TOKEN_SUMS] = {"token_sums", sql_token_sums},
	[STMT_PORTAL_LINK] = {"portal_link", sql_portal_link},
	[STMT_PORTAL_OPEN] = {"portal_open", sql_portal_open},
	[STMT_PORTAL_USE] = {"portal_use", sql_portal_use},
	[STMT_PORTAL_LIST] = {"portal_list", sql_portal_list},
	[STMT_PORTAL_LIST_ALL] = {"portal_list_all", sql_portal_list_all},
	[STMT_PORTAL_END] = {"portal_end", sql_portal_end},
	[STMT_CONSOLE_OPEN] =
		{"console_open",
		 "select * from m2m.console_open($1::bytea, $2::uuid, $3::bytea, $4::uuid, $5::\"char\", $6::text, $7::text, $8::text)"},
	[STMT_CONSOLE_USE] = {"console_use", "select * from m2m.console_use($1::bytea, $2::uuid)"},
	[STMT_CONSOLE_LIST] = {"console_list", sql_console_list},
	[STMT_CONSOLE_END] =
		{"console_end",
		 "select m2m.operator_ends_session($1::bytea, $2::uuid, $3::text, $4::uuid, $5::\"char\", $6::text, $7::text, $8::text,"
		 " $9::uuid)"},
	[STMT_CONSOLE_FORGET] = {"console_forget", "select m2m.console_forget()"},
	[STMT_SIGNING_KEY_LIST] = {"signing_key_list", sql_signing_key_list},
	[STMT_SIGNING_KEY_ROTATE] =
		{"signing_key_rotate",
		 "select m2m.operator_rotates_key($1::bytea, $2::uuid, $3::text, $4::uuid, $5::\"char\", $6::text, $7::text, $8::text,"
		 " $9::text, $10::text, $11::text, $12::bytea, $13::text, $14::int8)"},
	[STMT_SIGNING_KEY_REVOKE] =
		{"signing_key_revoke",
		 "select m2m.operator_revokes_key($1::bytea, $2::uuid, $3::text, $4::uuid, $5::\"char\", $6::text, $7::text, $8::text,"
		 " $9::text, $10::int8, $11::bool, $12::text, $13::text, $14::text, $15::bytea, $16::text)"},
	[STMT_MASTER_KEYS] = {"master_keys", sql_master_keys},
	[STMT_MASTER_KEYS_WANTED] = {"master_keys_wanted", sql_master_keys_wanted},
	[STMT_OPERATOR_TOKEN_LIST] = {"operator_token_list", sql_operator_token_list},
	[STMT_DENIED_LIST] = {"denied_list", sql_operator_denied_list},
	[STMT_HEALTH] = {"health",
			 "select current_setting('server_version_num')::int4, pg_is_in_recovery(), h.default_used, h.partitions_until,"
			 " (select max(version) from m2m.schema_migration), " SQL_CONNECTIONS ", " SQL_PROMISES
			 " from m2m.audit_health() h"},
	[STMT_ACT_REFUSED] = {"act_refused", sql_act_refused},
	[STMT_OPERATOR_HOLDS] = {"operator_holds", "select m2m.operator_holds($1::bytea, $2::uuid)"},
};
