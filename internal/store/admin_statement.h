/* Parameters of admin_sql.h's statements and the rows that they answer, for both who run them. Private to store/. */
#ifndef M2M_STORE_ADMIN_STATEMENT_H
#define M2M_STORE_ADMIN_STATEMENT_H

#include "store/credential.h"
#include "store/org.h"
#include "store/pg_value.h"
#include "store/store.h"

/* Two parameters: slug or id. */
void admin_put_org(struct pg_params *p, struct str slug_or_id);

void admin_put_org_create(struct pg_params *p, const struct store_origin *o, const struct uuid *organization_id,
			  const struct org_spec *spec, const struct credential_new *fresh);
void admin_put_org_change(struct pg_params *p, const struct store_origin *o, struct str org, const struct org_change *change);
void admin_put_client_create(struct pg_params *p, const struct store_origin *o, const struct uuid *organization_id,
			     const struct client_spec *spec, const struct credential_new *fresh);
void admin_put_client_change(struct pg_params *p, const struct store_origin *o, struct str org, struct str client_id,
			     const struct client_spec *change);

/* Row `row`, copied into `a`. */
void admin_take_org(const PGresult *r, int row, struct arena *a, struct org *ret);
void admin_take_client(const PGresult *r, int row, struct arena *a, struct client *ret);

#endif
