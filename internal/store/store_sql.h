/* The large statements: each is a file of this folder with its name, parameters and columns told
 * in it, embedded without its comments. Private to store/. */
#ifndef M2M_STORE_STORE_SQL_H
#define M2M_STORE_STORE_SQL_H

extern const char sql_adopt_secret[];
extern const char sql_denied[];
extern const char sql_foreign_hashes[];
extern const char sql_signing_keys[];
extern const char sql_used_once_spend[];

#endif
