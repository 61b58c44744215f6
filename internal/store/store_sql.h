/* The large statements: each is a file of this folder with its name, parameters and columns told
 * in it, embedded without its comments. A file may give several texts. Private to store/. */
#ifndef M2M_STORE_STORE_SQL_H
#define M2M_STORE_STORE_SQL_H

extern const char sql_act_list[];
extern const char sql_act_refused[];
extern const char sql_adopt_secret[];
extern const char sql_client_find[];
extern const char sql_client_keys[];
extern const char sql_denied[];
extern const char sql_foreign_hashes[];
extern const char sql_forget[];
extern const char sql_introspect_by_bearer[];
extern const char sql_introspect_by_secrets[], sql_introspect_by_credentials[];
extern const char sql_issue[], sql_issue_bearer[], sql_issue_credential[], sql_issue_proof[];
extern const char sql_master_keys[];
extern const char sql_master_keys_wanted[];
extern const char sql_operator_denied_list[];
extern const char sql_operator_token_list[];
extern const char sql_org_resolve[];
extern const char sql_portal_open[];
extern const char sql_portal_use[];
extern const char sql_read_client_id[];
extern const char sql_revocations_by_client[], sql_revocations_by_bearer[];
extern const char sql_secret_list[];
extern const char sql_secrets_ending[];
extern const char sql_signing_keys[];
extern const char sql_token_list[];
extern const char sql_token_revoke[];
extern const char sql_token_sums[];
extern const char sql_used_once_spend[];

#endif
