/* The store under the test's control. A program that compiles fake_store.c gets these symbols
 * instead of those of internal/store, which the linker then leaves out.
 *
 * As with the real one, a call only takes the request on; its callback comes when the test says
 * so (fake_answer, fake_issue), exactly once. One call waits at a time. */
#ifndef M2M_FAKES_FAKE_STORE_H
#define M2M_FAKES_FAKE_STORE_H

#include "store/act_list.h"
#include "store/admin.h"
#include "store/client_credential.h"
#include "store/client_jwks.h"
#include "store/console.h"
#include "store/credential.h"
#include "store/denied.h"
#include "store/issue.h"
#include "store/operator.h"
#include "store/portal.h"
#include "store/rotation.h"
#include "store/secret_adoption.h"
#include "store/store.h"
#include "store/token_list.h"
#include "store/token_state.h"
#include "store/token_sums.h"
#include "store/used_once.h"

enum fake_call {
	FAKE_NONE,
	FAKE_READ_CLIENT_ID,
	FAKE_READ_SECRET,
	FAKE_ROTATE_BEGIN,
	FAKE_ROTATE,
	FAKE_ISSUE,
	FAKE_ROTATION_READ,
	FAKE_ROTATION_CHANGE,
	FAKE_TOKEN_LIST,
	FAKE_CLIENT_JWKS,
	FAKE_FOREIGN_HASHES,
	FAKE_ADOPT,
	FAKE_USED_ONCE,
	FAKE_INTROSPECT,
	FAKE_REVOKE,
	FAKE_REVOCATIONS,
	FAKE_ORG_LIST,
	FAKE_ORG_FIND,
	FAKE_ORG_RESOLVE,
	FAKE_ORG_CREATE,
	FAKE_ORG_CHANGE,
	FAKE_ORG_DELETE,
	FAKE_CLIENT_LIST,
	FAKE_CLIENT_SEARCH,
	FAKE_CLIENT_FIND,
	FAKE_CLIENT_CREATE,
	FAKE_CLIENT_CHANGE,
	FAKE_CLIENT_DELETE,
	FAKE_KEY_LIST,
	FAKE_KEY_GET,
	FAKE_KEY_ADD,
	FAKE_KEY_REMOVE,
	FAKE_PORTAL_LINK,
	FAKE_PORTAL_OPEN,
	FAKE_PORTAL_USE,
	FAKE_PORTAL_LIST,
	FAKE_PORTAL_LIST_ALL,
	FAKE_PORTAL_END,
	FAKE_CONSOLE_OPEN,
	FAKE_CONSOLE_USE,
	FAKE_CONSOLE_LIST,
	FAKE_CONSOLE_END,
	FAKE_SIGNING_KEY_LIST,
	FAKE_SIGNING_KEY_ROTATE,
	FAKE_SIGNING_KEY_REVOKE,
	FAKE_MASTER_KEYS,
	FAKE_DENIED_LIST,
	FAKE_HEALTH,
	FAKE_MASTER_KEYS_WANTED,
	FAKE_TOKEN_LIST_ALL,
	FAKE_REFUSAL,
};

/* Zeroed by the test before use, which then sets `keys`. */
struct store {
	struct keyset *keys;
	enum err refuse; /* what every call answers at once, unless ERR_OK */
	/* no statement carries the issue_request that waits: it can be withdrawn */
	bool queued;
	bool has_foreign; /* store_has_foreign */

	enum fake_call waiting;
	unsigned calls; /* how many were taken on */

	/* what the call that waits was given */
	const struct bearer *bearer;
	const struct origin *origin;
	const struct credential_rotation *rotation;
	const struct credential_new *fresh;
	struct issue_request *request;
	credential_done *done;
	void *arg;

	/* of the operator's calls, and client_id of credential_read_secret */
	struct str org, client_id, after, issuer, external;
	int32_t limit;
	int32_t expiring; /* of a list of clients */
	struct uuid organization_id;
	struct token_filter filter; /* of token_list */
	bool before_given;
	struct token_place before;
	token_list_done *list_done;
	rotation_done *rotation_done;
	struct grace_change grace_change;
	client_jwks_done *jwks_done;
	foreign_hashes_done *hashes_done;
	struct secret_adoption adoption; /* of secret_adopt; borrowed until it returns */
	secret_adopt_done *adopt_done;
	bool once_fapi2;
	struct issue_once once; /* of used_once_spend; its hash is borrowed */
	used_once_done *once_done;
	/* of token_introspect and its like; borrowed until they return, but for the numbers */
	struct token_caller asker;
	struct presented_token token;
	struct revocation_place place; /* of token_revocations, with `limit` */
	token_state_done *state_done;
	struct org_spec new_org;
	const struct org_change *org_change;
	struct client_spec client;
	struct words if_match; /* of a change or a deletion */
	admin_done *admin_done;
	struct org_search org_search;
	struct client_search client_search;
	struct client_credential_spec new_credential;
	struct str credential_id;
	admin_credential_done *key_done;
	struct portal_link_spec link;
	bool may_pass_on_clients;
	portal_done *portal_done;
	console_done *console_done;
	operator_done *operator_done;
	const struct operator_proof *by; /* of console_use */
	enum err refusal;                /* of store_record_refusal */
	act_recorded *recorded;

	/* the last denied_count; copies, as the real one makes */
	unsigned denied;
	char denied_client[64], denied_addr[64];
	const char *denied_reason;
	struct denied_health denied_health;
};

/* Answers the credential call that waits. `c` is NULL unless `err` is ERR_OK. */
void fake_answer(struct store *s, enum err err, const struct credential *c);

/* Answers the call about replaced secrets that waits. */
void fake_rotation(struct store *s, enum err err, const struct grace_list *list);

/* Answers the question for a client's keys. */
void fake_foreign_hashes(struct store *s, enum err err, const struct foreign_hash *hashes, size_t n);
void fake_adopted(struct store *s, enum err err);
void fake_client_jwks(struct store *s, enum err err, const struct client_jwk *keys, size_t n);

/* Answers whether what may be used once is spent now. */
void fake_used_once(struct store *s, enum err err);

/* Answers the operator's call that waits. `a` as for fake_answer. */
void fake_admin(struct store *s, enum err err, const struct admin_answer *a);

/* The same for a call about keys. */
void fake_keys(struct store *s, enum err err, const struct registered_credential *keys, size_t n);
/* Answers the call about a token that waits; `a` comes with a refusal too, as the real one's. */
void fake_token_state(struct store *s, enum err err, const struct token_answer *a);

/* Answers the call about the portal that waits. */
void fake_portal(struct store *s, enum err err, const struct portal_answer *a);

/* The same of the console. */
void fake_console(struct store *s, enum err err, const struct console_answer *a);

/* The same of what operators alone ask. */
void fake_operator(struct store *s, enum err err, const struct operator_answer *a);

/* The refusal of an act is recorded, or can't be. */
void fake_recorded(struct store *s, enum err err);

/* Answers the issue_request that waits, whose outputs the test has filled in. */
void fake_issue(struct store *s, enum err err);

#endif
