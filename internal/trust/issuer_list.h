/* The operator's list of trusted issuers: JSON text -> checked entries. Private to trust/. */
#ifndef M2M_TRUST_ISSUER_LIST_H
#define M2M_TRUST_ISSUER_LIST_H

#include "base/sbuf.h"
#include "trust/trust.h"

#define ISSUERS_MAX      64
#define ISSUERS_TEXT_MAX (256 * 1024)

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

/* ERR_MALFORMED: one line for each fault is appended to `why`, which says where (the place in the list, from 1, and the member) and what was expected. `own_issuer` may not be among them.
 * ERR_NO_MEMORY. */
MUST_CHECK enum err issuer_list_parse(struct str text, struct str own_issuer, struct issuer_list **ret, struct sbuf *why);
void issuer_list_free(struct issuer_list *list); /* NULL is allowed */

/* trust_find_issuer's rule. NULL: none. */
const struct issuer_entry *issuer_find(const struct issuer_entry *entries, size_t n, struct str iss, struct str tid);

#endif
