/* Parameters of the statements org_*.sql and client_*.sql, and the rows that they answer, for both
 * who run them. */
#ifndef M2M_SQL_ADMIN_STATEMENT_H
#define M2M_SQL_ADMIN_STATEMENT_H

#include "sql/credential_statement.h"
#include "sql/org.h"
#include "sql/pg_value.h"

/* Two parameters: slug or id. */
void admin_put_org(struct pg_params *p, struct str slug_or_id);

/* The slug before the first, or absent; how many. */
void admin_put_org_list(struct pg_params *p, const struct org_search *search, struct str after, int64_t limit);
/* Of client_search.sql; within one organization admin_put_org follows. */
void admin_put_client_search(struct pg_params *p, const struct client_search *search, int64_t limit);
void admin_put_org_create(struct pg_params *p, const struct origin *o, const struct uuid *organization_id, const struct org_spec *spec,
			  const struct credential_new *fresh);
void admin_put_org_change(struct pg_params *p, const struct origin *o, struct str org, const struct org_change *change);
/* `if_match`: entity-tags, one of which it must have; not given: any. */
void admin_put_org_delete(struct pg_params *p, const struct origin *o, struct str org, const struct words *if_match);
void admin_put_client_create(struct pg_params *p, const struct origin *o, const struct uuid *organization_id,
			     const struct client_spec *spec, const struct credential_new *fresh);
void admin_put_client_change(struct pg_params *p, const struct origin *o, struct str org, struct str client_id,
			     const struct client_spec *change);
void admin_put_client_delete(struct pg_params *p, const struct origin *o, struct str org, struct str client_id,
			     const struct words *if_match);

/* Row `row`, copied into `a`. */
void admin_take_org(const PGresult *r, int row, struct arena *a, struct org *ret);
void admin_take_client(const PGresult *r, int row, struct arena *a, struct client *ret);
void admin_take_found_client(const PGresult *r, int row, struct arena *a, struct found_client *ret);
/* Where the row stands: 'i' or 'n', in its last column. */
char admin_take_place(const PGresult *r, int row);

#endif
