/* What operators alone ask: signing keys, master keys, denied attempts, the database's health
 * (migrations/0019). PostgreSQL holds whoever asks live meanwhile. Callbacks come from the loop,
 * exactly once, and never from inside the call. */
#ifndef M2M_STORE_OPERATOR_H
#define M2M_STORE_OPERATOR_H

#include "crypto/wrapped_key.h"
#include "sql/console.h"
#include "store/store.h"

struct shown_signing_key {
	struct str kid, alg, state;
	/* microseconds since 1970; 0: not set. active_from INT64_MAX: when another one leaves */
	int64_t created_at, active_from, retired_at, published_until, revoked_at;
};

#define MASTER_KEY_SECRETS_MAX 10000
struct shown_master_key {
	struct str key_id;
	bool primary, loaded;
	int64_t registered_at; /* 0: the database doesn't know it */
	/* live ones that need it, MASTER_KEY_SECRETS_MAX: so many or more; and keys */
	int64_t secrets, signing_keys;
};

/* Refused attempts of one minute, client, address and reason. */
struct denied_attempts {
	int64_t minute;
	struct uuid batch_id;
	int32_t place; /* among the batch's, from 1 on */
	struct str client_id, remote_addr, reason, slug, name;
	struct uuid organization_id;
	int32_t attempts;
};

/* What a listed attempt must have; what isn't given doesn't matter. */
struct denied_filter {
	struct str organization; /* slug or id */
	struct str client_id, reason, remote_addr;
	int64_t since, until; /* microseconds since 1970, `until` excluded; 0: no bound */
};

struct denied_place {
	int64_t minute;
	struct uuid batch_id;
	int32_t passed;
};

/* What the statement tells. */
struct database_health {
	int32_t server_version; /* 150000 is PostgreSQL 15 */
	bool in_recovery, default_partition_used;
	int64_t partitions_until; /* microseconds since 1970 */
	int32_t schema_version, connections;
	const char *broken[5]; /* sentences of sql/promises.h; NULL: none */
	int64_t round_trip_us;
};

/* What the database wants of the gateway's master keys. The texts are names, joined; absent:
 * none. */
struct master_keys_wanted {
	struct str for_secrets, for_signing_keys; /* the ring lacks them */
	struct str others;                        /* the database knows another key by that name */
	bool active_known;
};

/* Borrowed until the callback returns. */
struct operator_answer {
	const struct shown_signing_key *signing_keys;
	const struct shown_master_key *master_keys;
	const struct denied_attempts *denied;
	const struct database_health *health;
	const struct master_keys_wanted *wanted;
	size_t n;
	bool more;
	struct denied_place next; /* where the next page begins, when there is more */
	bool key_wanted;          /* of a revocation: nothing was done, since it takes a new key */
};
/* `a` is NULL unless `err` is ERR_OK. */
typedef void operator_done(void *arg, enum err err, const struct operator_answer *a);

/* The youngest first; of one kid: NOT_FOUND. */
MUST_CHECK enum err signing_key_list(struct store *s, struct str kid, operator_done *done, void *arg);
/* `delay` seconds from now it signs; negative: when another one leaves. CONFLICT: a rotation is
 * under way. `origin` has `by`. */
MUST_CHECK enum err signing_key_rotate(struct store *s, const struct origin *origin, const struct made_key *key, int64_t delay,
				       operator_done *done, void *arg);
/* NOT_FOUND; CONFLICT: it is revoked, or signs now and no other key was published for `known`
 * seconds. `at_once`: also then. `key`: a successor if there is none; may be NULL. */
MUST_CHECK enum err signing_key_revoke(struct store *s, const struct origin *origin, struct str kid, int64_t known, bool at_once,
				       const struct made_key *key, operator_done *done, void *arg);
MUST_CHECK enum err master_key_list(struct store *s, operator_done *done, void *arg);

#define DENIED_PAGE_MAX 100
/* `before` NULL: from the youngest. ORGANIZATION_NOT_FOUND. */
MUST_CHECK enum err denied_list(struct store *s, const struct operator_proof *by, const struct denied_filter *filter,
				const struct denied_place *before, int32_t limit, operator_done *done, void *arg);

MUST_CHECK enum err master_keys_wanted(struct store *s, operator_done *done, void *arg);
MUST_CHECK enum err database_health(struct store *s, operator_done *done, void *arg);

#endif
