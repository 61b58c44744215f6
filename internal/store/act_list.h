/* What was done, out of admin_audit: an organization's own acts, for its admins, and those of all,
 * for the platform (migrations/0018). Listing isn't an act, and is not recorded. */
#ifndef M2M_STORE_ACT_LIST_H
#define M2M_STORE_ACT_LIST_H

#include "sql/bearer.h"
#include "store/store.h"

#define ACT_PAGE_MAX 100

/* What a listed act must be; what isn't given doesn't matter. */
struct act_filter {
	struct str client_id, action, actor, outcome;
	int64_t since, until; /* microseconds since 1970, `until` excluded; 0: no bound */
};

/* A place in the list, which is in the order of time and id, the youngest first. */
struct act_place {
	int64_t done_at;
	struct uuid act_id;
};

/* A row of admin_audit. Text is borrowed until the callback returns, and may be absent but for
 * action, outcome and actor. */
struct listed_act {
	struct uuid act_id, request_id, organization_id;
	int64_t done_at;
	struct str action, outcome, actor, client_id;
	struct str detail; /* a JSON object's text */
	struct str remote_addr, user_agent;
	struct str slug, name;  /* of the organization; absent: it is of none */
	int32_t secret_version; /* 0: none */
	bool has_request_id;
	char transport;
};

struct act_page {
	const struct listed_act *rows;
	size_t n; /* it may be fewer than asked for, and more to come */
	bool more;
	struct act_place next; /* where the next page begins, when there is more */
};

/* err: ERR_OK, INVALID_TOKEN, NETWORK_NOT_ALLOWED, FORBIDDEN, ORGANIZATION_NOT_FOUND,
 * STORE_UNAVAILABLE, INTERNAL. `page` is NULL unless ERR_OK. */
typedef void act_list_done(void *arg, enum err err, const struct act_page *page);

/* The acts of the bearer's organization; with `everywhere`, for the platform, those of all, or of
 * `org`, slug or id, unless that is absent. `before` NULL: from the youngest. limit: 1 to
 * ACT_PAGE_MAX. Answers ERR_OK when the statement is on its way; otherwise `done` isn't called. */
MUST_CHECK enum err act_list(struct store *s, const struct bearer *bearer, bool everywhere, struct str org, const struct act_filter *filter,
			     const struct act_place *before, int32_t limit, act_list_done *done, void *arg);

#endif
