/* The list of trusted issuers (M2M_TRUSTED_ISSUERS_FILE): JSON text -> checked entries. */
#ifndef M2M_CONFIG_ISSUER_LIST_H
#define M2M_CONFIG_ISSUER_LIST_H

#include "base/sbuf.h"
#include "base/str.h"

#define ISSUERS_MAX      64
#define ISSUERS_TEXT_MAX (256 * 1024)

/* One element of the file's list. */
struct trust_issuer {
	/* the token's `iss`, exactly; may hold "{tenantid}" once, which stands for the token's
	 * `tid` (Entra ID's many tenants) */
	struct str issuer;
	struct str audience; /* must be among the token's `aud` */
	/* required: names the organization; trust/claim.h tells how a name is looked up */
	struct str organization_claim;
	struct str roles_claim;   /* default "roles" */
	struct str admin_role;    /* default "admin": its bearer acts as admin */
	struct str platform_role; /* absent: nobody of this issuer may call /admin */
	/* an organization seen for the first time is made; default false */
	bool create_organizations;
};

struct issuer_entry {
	struct trust_issuer issuer; /* first: what a worker is given leads back to its entry */
	struct str jwks_file;       /* one of these two is there */
	struct str jwks_url;
	struct str ca_file; /* PEM; absent: the system's authorities. With jwks_url only */
};

struct issuer_list {
	struct arena *arena; /* of everything here */
	size_t n;
	struct issuer_entry *entries;
};

/* ERR_MALFORMED: one line for each fault is appended to `why`, which says where (the place in
 * the list, from 1, and the member) and what was expected. `own_issuer` may not be among them.
 * ERR_NO_MEMORY. */
MUST_CHECK enum err issuer_list_parse(struct str text, struct str own_issuer, struct issuer_list **ret, struct sbuf *why);
void issuer_list_free(struct issuer_list *list); /* NULL is allowed */

/* trust_find_issuer's rule. NULL: none. */
const struct issuer_entry *issuer_find(const struct issuer_entry *entries, size_t n, struct str iss, struct str tid);

#endif
