/* What the platform's operator does to organizations and their clients, on the gateway's serving
 * connection. Each call is one statement (of sql/, which m2mctl runs too), so that an act
 * and the row in admin_audit that records it commit together; listing and describing aren't
 * acts.
 *
 * `org` names an organization by slug or id, among those that aren't deleted. Callbacks come
 * from the loop, exactly once, and never from inside the call. */
#ifndef M2M_STORE_ADMIN_H
#define M2M_STORE_ADMIN_H

#include "sql/org.h"
#include "store/credential.h"
#include "store/store.h"

#define ADMIN_PAGE_MAX 100

/* Borrowed until the callback returns. */
struct admin_answer {
	const struct org *orgs;       /* of the calls about organizations */
	const struct client *clients; /* of the calls about clients, and of a creation */
	size_t n;
	const struct found_client *found; /* of a search among all clients */
	bool more;                        /* a page that isn't the last */
	char place;                       /* of a search for clients: where the last one stands */
};
/* `a` is NULL unless `err` is ERR_OK. Errors, besides those of any statement:
 * ORGANIZATION_NOT_FOUND, CLIENT_NOT_FOUND, ALREADY_EXISTS (slug, or issuer and external id),
 * DEFAULT_CLIENT (a default client isn't deleted: another one must be made the default first, or
 * the organization deleted), PRECONDITION_FAILED (it has none of the entity-tags in if_match, which
 * is held to what is there when it is changed). */
typedef void admin_done(void *arg, enum err err, const struct admin_answer *a);

/* In the order of their slugs, those behind `after` (absent: from the first). limit: 1 to
 * ADMIN_PAGE_MAX. */
MUST_CHECK enum err admin_org_list(struct store *s, const struct org_search *search, struct str after, int32_t limit, admin_done *done,
				   void *arg);
MUST_CHECK enum err admin_org_find(struct store *s, struct str org, admin_done *done, void *arg);

/* The organization, its default client and the client's first secret. `fresh` has the client's
 * id and the secret's keeping (`replaces` 0); organization_id is new too. */
MUST_CHECK enum err admin_org_create(struct store *s, const struct origin *origin, const struct uuid *organization_id,
				     const struct org_spec *spec, const struct credential_new *fresh, admin_done *done, void *arg);
MUST_CHECK enum err admin_org_change(struct store *s, const struct origin *origin, struct str org, const struct org_change *change,
				     admin_done *done, void *arg);
/* Its clients go with it: their secrets end at once, and for good. */
MUST_CHECK enum err admin_org_delete(struct store *s, const struct origin *origin, struct str org, const struct words *if_match,
				     admin_done *done, void *arg);

/* In the order of their ids. `expiring`: seconds, those alone whose secret ends within them or has
 * ended; 0: all. */
MUST_CHECK enum err admin_client_list(struct store *s, struct str org, struct str after, int32_t limit, int32_t expiring, admin_done *done,
				      void *arg);
/* By the beginning of their ids, then of their names. `org` absent: of all organizations, and the
 * answer has `found`; else `clients`. */
MUST_CHECK enum err admin_client_search(struct store *s, struct str org, const struct client_search *search, int32_t limit,
					admin_done *done, void *arg);
MUST_CHECK enum err admin_client_find(struct store *s, struct str org, struct str client_id, admin_done *done, void *arg);
MUST_CHECK enum err admin_client_create(struct store *s, const struct origin *origin, const struct uuid *organization_id,
					const struct client_spec *spec, const struct credential_new *fresh, admin_done *done, void *arg);
MUST_CHECK enum err admin_client_change(struct store *s, const struct origin *origin, struct str org, struct str client_id,
					const struct client_spec *change, admin_done *done, void *arg);
/* Its secrets end at once. DEFAULT_CLIENT: it is the organization's default. */
MUST_CHECK enum err admin_client_delete(struct store *s, const struct origin *origin, struct str org, struct str client_id,
					const struct words *if_match, admin_done *done, void *arg);

/* The organization that a trusted outside issuer means: by (issuer, external_id), else, where
 * `external` is the id (uuid) of an organization that no other issuer's, that one. Disabled ones
 * are found too: SQL refuses their callers. ORGANIZATION_NOT_FOUND. The answer is one org. */
MUST_CHECK enum err admin_org_resolve(struct store *s, struct str issuer, struct str external, admin_done *done, void *arg);

#endif
