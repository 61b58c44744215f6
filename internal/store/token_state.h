/* What becomes of a token: is it good now, may it be taken back, what was taken back. Each is one
 * statement over the serving connection, which decides whether the caller may ask, too
 * (introspect_by_*.sql, token_revoke.sql, revocations.sql). Nothing of an answer is remembered. */
#ifndef M2M_STORE_TOKEN_STATE_H
#define M2M_STORE_TOKEN_STATE_H

#include "store/client_shown.h"
#include "store/store.h"

/* A client that authenticates itself, or a bearer. What it points to is borrowed until `done`. */
struct token_caller {
	struct str client_id; /* absent: the bearer asks */
	/* one SHA256_LEN verifier per key of the ring, in ring order; absent with a credential */
	struct str verifiers;
	struct client_shown shown; /* its other credential */
	bool fapi2;                /* the request alone does all that FAPI 2.0 wants */
	const struct bearer *bearer;
	bool platform; /* the bearer is the platform's */
	const struct origin *origin;
};

/* A token as it says itself. What it points to is borrowed until `done`. */
struct presented_token {
	struct str kid;       /* absent: it can't be a token of ours */
	bool verified;        /* else the snapshot lacks its key: nothing of it is believed */
	struct str jti;       /* 16 bytes, or absent */
	struct str client_id; /* absent: an operator's */
	int32_t secret_version;
	const struct uuid *organization_id; /* NULL: the platform's */
	int64_t issued_at, expires_at;      /* seconds since 1970 */
};

/* How many entries a page of the list has at most. With the longest client ids they still fit an
 * op's arena. */
#define REVOCATIONS_MAX 10000

/* An entry of the list, an end of many tokens or a single token (revocations.sql). */
struct revocation_place {
	char part;            /* 'e' or 'r' */
	struct uuid id;       /* the organization's, or the jti */
	struct str client_id; /* of part 'e'; empty: the organization's */
	int32_t secret_version;
	int64_t expires_us; /* of part 'r', else 0 */
};

/* Before all others. */
#define REVOCATIONS_BEGIN ((struct revocation_place){.part = 'e', .client_id = {"", 0}})

struct token_answer {
	struct uuid organization_id; /* the caller's; zero: none, or nobody's */
	bool active;                 /* of an introspection */
	/* of a page of the list; these end when the callback returns */
	struct str list; /* JSON: an object's members */
	bool more;
	struct revocation_place last; /* behind it the next page begins, if there is more */
};

/* err: ERR_OK, INVALID_CLIENT, ASSERTION_REPLAYED, AUTH_METHOD_NOT_ALLOWED, PROFILE_VIOLATED,
 * KEY_MISSING, NETWORK_NOT_ALLOWED, FORBIDDEN, INVALID_TOKEN, STALE_KEY (the keys are being read
 * again), STORE_UNAVAILABLE, INTERNAL. `answer` is NULL without an answer from the database; a
 * refusal has one. */
typedef void token_state_done(void *arg, enum err err, const struct token_answer *answer);

/* Each answers ERR_OK when the statement is on its way, else ERR_STORE_UNAVAILABLE,
 * ERR_OVERLOADED or ERR_TOO_LARGE, and `done` isn't called. */
/* Those by clients travel together, as requests for tokens do. */
MUST_CHECK enum err token_introspect(struct store *s, const struct token_caller *caller, const struct presented_token *token,
				     token_state_done *done, void *arg);
/* A client's own token, by the client itself. ERR_OK: it has ended, durably, or there was nothing
 * to end. */
MUST_CHECK enum err token_revoke(struct store *s, const struct token_caller *caller, const struct presented_token *token,
				 token_state_done *done, void *arg);
/* limit: 1 to REVOCATIONS_MAX entries behind `after`, which is borrowed until this returns. */
MUST_CHECK enum err token_revocations(struct store *s, const struct token_caller *caller, const struct revocation_place *after,
				      int32_t limit, token_state_done *done, void *arg);

#endif
