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
	/* Its tokens are taken as bearers, whose organization this names (trust/claim.h tells how
	 * a name is looked up), and whose `aud` must have `audience`. Absent: they are not. */
	struct str organization_claim;
	struct str audience;
	struct str roles_claim;   /* default "roles" */
	struct str admin_role;    /* default "admin": its bearer acts as admin */
	struct str platform_role; /* absent: nobody of this issuer may call /admin */
	/* an organization seen for the first time is made; default false */
	bool create_organizations;
	/* its tokens say which workload a client is (op/workload.h) */
	bool workloads;
	/* of a SPIFFE issuer, whose tokens need no `iss`: the `sub` begins with
	 * spiffe://<this>/, and `issuer` is the same name */
	struct str spiffe_trust_domain;
};

struct issuer_entry {
	struct trust_issuer issuer; /* first: what a worker is given leads back to its entry */
	struct str jwks_file;       /* one of these three is there */
	struct str jwks_url;
	bool discovery;         /* the issuer's own configuration says where its keys are */
	struct str ca_file;     /* PEM; absent: the system's authorities. For what is fetched */
	struct str bearer_file; /* a token for the issuer's own host; absent: none. As ca_file */
};

/* https, a host, and nothing that a request would not send or that would hide another host. */
bool issuer_is_https_url(struct str url);

/* Its keys are fetched, and not read from a file. */
bool issuer_is_fetched(const struct issuer_entry *entry);

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

/* trust_find_issuer's and trust_find_spiffe's rules. NULL: none. */
const struct issuer_entry *issuer_find(const struct issuer_entry *entries, size_t n, struct str iss, struct str tid);
const struct issuer_entry *issuer_find_spiffe(const struct issuer_entry *entries, size_t n, struct str sub);

#endif
