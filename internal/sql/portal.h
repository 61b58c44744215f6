/* Portal links and sessions: the statements' parameters, and the rows that they answer. */
#ifndef M2M_SQL_PORTAL_H
#define M2M_SQL_PORTAL_H

#include <libpq-fe.h>

#include "base/arena.h"
#include "crypto/digest.h"
#include "sql/bearer.h"
#include "sql/origin.h"

/* What a session's person may do. Reading is always in. */
enum portal_right {
	PORTAL_READ = 1U << 0,
	PORTAL_REVEAL = 1U << 1,
	PORTAL_ROTATE = 1U << 2,
	PORTAL_CLIENTS = 1U << 3,
	PORTAL_AUDIT = 1U << 4,
};

#define PORTAL_RIGHTS_TEXT "read, reveal, rotate, clients and audit"
#define PORTAL_ACTOR_MAX   200 /* bytes */
#define PORTAL_URL_MAX     2000
#define PORTAL_TTL_MIN     10 /* seconds */
#define PORTAL_TTL_MAX     300
#define PORTAL_TTL_DEFAULT 120

/* 0: there is no such word. */
unsigned portal_right_of(struct str word);
/* The words of a set, into `out`; how many. */
#define PORTAL_RIGHTS 5
size_t portal_right_words(unsigned may, struct str out[PORTAL_RIGHTS]);

struct portal_link_spec {
	struct str actor;
	unsigned may;
	struct str return_url; /* absent: none */
	int32_t ttl;           /* seconds; 0: not given */
};

/* Completes it: reading, and how long it is good for. Answers what is wrong with it (static), or
 * NULL. */
const char *portal_link_complete(struct portal_link_spec *spec);

/* A code or a token: 256 random bits as base64url, and the hash that is stored of it. */
#define PORTAL_SECRET_LEN 43
struct portal_secret {
	char text[PORTAL_SECRET_LEN];
	uint8_t hash[SHA256_LEN];
};
MUST_CHECK enum err portal_secret_make(struct portal_secret *ret);
/* ERR_MALFORMED: nobody has made such a one. */
MUST_CHECK enum err portal_secret_hash(struct str text, uint8_t ret[SHA256_LEN]);

/* `clients`: the maker may change which credentials clients have. */
void portal_put_link(struct pg_params *p, const struct bearer *maker, const struct origin *origin, struct str org,
		     const struct uuid *link_id, const uint8_t code_hash[SHA256_LEN], const struct portal_link_spec *spec, bool clients);
/* The origin's actor isn't taken: the link has its own. */
void portal_put_open(struct pg_params *p, const struct origin *origin, const uint8_t code_hash[SHA256_LEN], const struct uuid *session_id,
		     const uint8_t token_hash[SHA256_LEN]);
/* `org` absent: the session of `token_hash`; else `session_id`, NULL: all of the organization's. */
void portal_put_end(struct pg_params *p, const struct origin *origin, struct str org, const struct uuid *session_id,
		    const uint8_t *token_hash);

struct portal_session {
	struct uuid session_id, organization_id;
	struct str slug, name, actor, return_url; /* the last one may be absent */
	unsigned may;
	int64_t made_at, last_used_at, idle_expires_at, expires_at; /* microseconds since 1970 */
};

/* The rows' texts are copied into `a`. The first row's outcome is the error; NO_MEMORY. */
MUST_CHECK enum err portal_take_sessions(const PGresult *r, struct arena *a, const struct portal_session **ret, size_t *ret_n);

#endif
