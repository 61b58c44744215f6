/* Portal links and sessions (migrations/0017). Nothing of a session is remembered: each use asks
 * PostgreSQL, which says whether it is live. Callbacks come from the loop, exactly once, and never
 * from inside the call. */
#ifndef M2M_STORE_PORTAL_H
#define M2M_STORE_PORTAL_H

#include "sql/portal.h"
#include "store/store.h"

/* Borrowed until the callback returns. */
struct portal_answer {
	const struct portal_session *sessions; /* of what answers any */
	size_t n;
	struct uuid organization_id; /* zero: not told */
	int64_t expires_at;          /* of a link, microseconds since 1970 */
	int64_t ended;               /* how many sessions were */
};
/* `a` is NULL unless `err` is ERR_OK. */
typedef void portal_done(void *arg, enum err err, const struct portal_answer *a);

/* INVALID_TOKEN (the maker's, or its organization isn't live), FORBIDDEN (another organization's
 * link, or one that opens more than its maker may). `org`: slug or id. */
MUST_CHECK enum err portal_link_make(struct store *s, const struct bearer *maker, const struct origin *origin, struct str org,
				     const struct uuid *link_id, const uint8_t code_hash[SHA256_LEN], const struct portal_link_spec *spec,
				     bool clients, portal_done *done, void *arg);
/* One session; INVALID_TOKEN: the link was used, is over, or its organization isn't live;
 * NETWORK_NOT_ALLOWED: its organization doesn't allow the origin's address. */
MUST_CHECK enum err portal_open(struct store *s, const struct origin *origin, const uint8_t code_hash[SHA256_LEN],
				const struct uuid *session_id, const uint8_t token_hash[SHA256_LEN], portal_done *done, void *arg);
/* One session; INVALID_TOKEN: it isn't live; NETWORK_NOT_ALLOWED, unless `act_decides`: an act
 * follows, whose statement says so and records it. */
MUST_CHECK enum err portal_use(struct store *s, const uint8_t token_hash[SHA256_LEN], struct str remote_addr, bool act_decides,
			       portal_done *done, void *arg);
MUST_CHECK enum err portal_list(struct store *s, struct str org, portal_done *done, void *arg);
/* Of all organizations, the newest first, those behind the place of `after` (NULL: from the
 * newest); one more than `limit` where more follow. */
MUST_CHECK enum err portal_list_all(struct store *s, int32_t limit, const struct portal_session *after, portal_done *done, void *arg);
/* As portal_put_end. NOT_FOUND, ORGANIZATION_NOT_FOUND. */
MUST_CHECK enum err portal_end(struct store *s, const struct origin *origin, struct str org, const struct uuid *session_id,
			       const uint8_t *token_hash, portal_done *done, void *arg);

#endif
