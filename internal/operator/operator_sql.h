/* The large statements: each is a file of this folder with its name, parameters and columns told
 * in it, embedded without its comments. A file may give several texts. Private to operator/. */
#ifndef M2M_OPERATOR_OPERATOR_SQL_H
#define M2M_OPERATOR_OPERATOR_SQL_H

extern const char sql_audit_tokens[], sql_audit_tokens_since[];
extern const char sql_client_export[];
extern const char sql_client_find_any[];
extern const char sql_client_import[];
extern const char sql_client_import_look[];
extern const char sql_client_import_orgs[];
extern const char sql_clients_expiring[];
extern const char sql_console_end_operator[];
extern const char sql_console_link[];
extern const char sql_end_client_tokens[];
extern const char sql_end_org_tokens[];
extern const char sql_key_use[];
extern const char sql_live_secret_keys[];
extern const char sql_org_move_begin_in[];
extern const char sql_org_move_begin_out[];
extern const char sql_org_move_forget[], sql_org_move_forget_org[];
extern const char sql_org_move_freeze[];
extern const char sql_org_move_has_key[];
extern const char sql_org_move_keys[];
extern const char sql_org_move_leave[];
extern const char sql_org_move_open[];
extern const char sql_org_move_read[];
extern const char sql_org_move_remove[];
extern const char sql_org_move_settle[];
extern const char sql_org_move_source[];
extern const char sql_org_move_target[];
extern const char sql_org_move_unfreeze[];
extern const char sql_org_move_units[];
extern const char sql_org_move_used_read[];
extern const char sql_org_move_used_write[];
extern const char sql_org_move_uses_read[];
extern const char sql_org_move_uses_write[];
extern const char sql_org_move_write[];
extern const char sql_org_move_writers[];
extern const char sql_org_move_writing[];
extern const char sql_partitions[];
extern const char sql_partitions_past[];
extern const char sql_seal_bounds[];
extern const char sql_token_find[];
extern const char sql_token_record[];
extern const char sql_week[];

#endif
