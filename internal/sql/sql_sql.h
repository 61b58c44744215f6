/* The large statements that both programs use: each is a file of this folder with its name,
 * parameters and columns told in it, embedded without its comments. What they say in the same words
 * stands in parts.sql. */
#ifndef M2M_SQL_SQL_SQL_H
#define M2M_SQL_SQL_SQL_H

extern const char sql_console_end[];
extern const char sql_console_list[];
extern const char sql_client_change[];
extern const char sql_client_create[];
extern const char sql_client_credential_add[];
extern const char sql_client_credential_list[];
extern const char sql_client_credential_remove[];
extern const char sql_client_delete[];
extern const char sql_client_list[];
extern const char sql_client_search[], sql_client_search_within[];
extern const char sql_org_change[];
extern const char sql_org_create[];
extern const char sql_org_delete[];
extern const char sql_org_find[];
extern const char sql_org_list[];
extern const char sql_portal_end[];
extern const char sql_portal_link[];
extern const char sql_portal_list[];
extern const char sql_portal_list_all[];
extern const char sql_read_secret[];
extern const char sql_rotate[];
extern const char sql_rotate_begin[];
extern const char sql_seal[];
extern const char sql_signing_key_list[];
extern const char sql_rotation_change[];
extern const char sql_rotation_read[];

#endif
