/* Issuing: requests are queued, and whenever the issuing connection is free everything queued
 * goes out as one statement, which checks every credential and writes every audit row in one
 * transaction. While it is in flight the next batch gathers: no timer, no delay at low load,
 * group commit at high load. A request is done only after that transaction's commit is known.
 *
 *   issue_submit -> waiting -> (one batch in flight) -> commit known -> done(request) for each,
 *   some milliseconds' worth (a slice) a turn of the loop
 *
 * Where a signature takes longer than a commit (RSA), a request that is alone is told before it
 * (`written`), and signs meanwhile. Tokens that are best signed together (signing_key_group)
 * come as a group.
 *
 * When the next batch goes out is issue_pace.h's to say.
 *
 * A request is done by `until_us`. The statement that carries it has the time that is left to
 * the most urgent of its requests. One with less than a quarter of M2M_REQUEST_TIMEOUT_MS left
 * isn't sent any more, since it would leave its statement too little time; it fails then.
 *
 * A request that waits is sent or fails, whatever happens: each end of what it waits for (a
 * batch or a seal in flight, two batches that are being answered, keys that are being reloaded)
 * sends the next batch or schedules that, and a lost connection fails all that wait.
 *
 * A batch that names a signing key which is no longer current is refused as a whole (stale_key);
 * its requests wait for the reloaded keys and go out once more. No other batch goes out meanwhile:
 * it would be refused too. */
#ifndef M2M_STORE_ISSUE_H
#define M2M_STORE_ISSUE_H

#include "base/list.h"
#include "store/client_shown.h"
#include "store/store.h"

struct issue_request {
	/* in; borrowed until done */
	struct str client_id; /* well formed, as ours or as brought along */
	/* one SHA256_LEN verifier per key of the ring, in ring order; absent with a credential */
	struct str verifiers;
	/* requested; absent: the client's own. Tokens separated by single spaces */
	struct str scope;
	/* requested, several separated by single spaces; absent: the client's first */
	struct str audience;
	const struct bearer *bearer; /* NULL: the client itself asks (RFC 6749 section 4.4) */
	const struct origin *origin;
	struct uuid jti;
	/* how the client authenticates, as m2m.auth_method_name has it; 0: not recorded. Of a
	 * certificate, the statement makes 's' of 't' where the client has its thumbprint
	 * registered */
	char auth_method;
	bool fapi2; /* all that the request alone has to do for FAPI 2.0, it does */
	/* of a client that shows another credential than a secret, which was found right: the ids
	 * that would do, one in a line (client_credential.credential_id); absent: a secret */
	struct str credentials;
	/* recorded in place of the credential's id: of a workload "issuer subject"; may be
	 * absent */
	struct str presented;
	/* what the token may be bound to: "jkt:..." of a DPoP proof that was found right, and
	 * behind it, in a line of its own, "x5t#S256:..." of the client certificate that the
	 * connection has; either may be missing, both: absent. The statement says to which */
	struct str binding;
	/* may be used once; each may be absent */
	struct issue_once assertion, proof;
	/* monotonic: when the answer is due, whatever happens; ERR_STORE_UNAVAILABLE is one */
	int64_t until_us;
	/* At most once, before done: granted, its row is written, and the fields below are what
	 * they will be then; the commit is under way and may still fail. What takes long can be
	 * made meanwhile, but nobody may get to see it before done, and that with ERR_OK (design
	 * section 2, promise 2). */
	void (*written)(struct issue_request *r);
	/* Once for each request, with those that are best signed together (signing_key_group):
	 * they share a key, and what they borrow ends when it returns. One that failed
	 * comes alone, or with others. */
	void (*done)(struct issue_request *const *group, unsigned n);
	void *arg;

	/* out; strings and the key are borrowed and end when done returns */
	/* ERR_OK, or INVALID_TOKEN, NETWORK_NOT_ALLOWED, FORBIDDEN, KEY_MISSING, INVALID_CLIENT,
	 * AUTH_METHOD_NOT_ALLOWED, PROFILE_VIOLATED, BINDING_REQUIRED, ASSERTION_REPLAYED,
	 * PROOF_REPLAYED, INVALID_DPOP_PROOF, INVALID_SCOPE, INVALID_TARGET, STALE_KEY,
	 * STORE_UNAVAILABLE */
	enum err err;
	/* with NETWORK_NOT_ALLOWED: it is the bearer's; else the client's, whose secret is right */
	bool bearer_refused;
	int32_t secret_version;
	int64_t issued_at; /* seconds since 1970, by the database's clock */
	int64_t issued_at_us;
	int32_t lifetime; /* seconds; the row's expires_at is issued_at + lifetime */
	struct uuid organization_id;
	struct str granted_scope;
	struct str granted_audience;
	/* SECRET_TAG_LEN bytes that tell this credential from any that comes after it */
	struct str secret_tag;
	struct str token_type; /* the client's own, "JWT" or "at+jwt"; absent: it has none */
	/* of another credential than a secret: its id, and what the row says of it; else absent */
	struct str credential_id, credential;
	struct str bound_to;     /* as the row has it; absent: nothing */
	struct signing_key *key; /* sign with this one */

	/* the queue's own */
	struct list node;
	struct issue_batch *batch; /* once answered */
	const struct list *queue;  /* where `node` was put last */
	bool last_try;             /* refused with stale_key, it doesn't go out again */
	uint32_t wire_kind, wire_version;
	uint64_t wire_iat;
};
#define ISSUE_REQUEST(node_) LIST_OWNER(node_, struct issue_request, node)

/* ERR_OVERLOADED: M2M_QUEUE_MAX wait already. ERR_STORE_UNAVAILABLE: not connected.
 * ERR_STALE_KEY: no signing key. On an error done isn't called. */
MUST_CHECK enum err issue_submit(struct store *s, struct issue_request *r);

/* Whether issue_submit would answer ERR_OVERLOADED. */
bool issue_is_full(const struct store *s);
/* Half of the queue is free: there is room for those that were refused. */
bool issue_has_room(const struct store *s);

/* Takes a submitted request back that no statement carries yet. True: it is out, and done isn't
 * called. False: it is under way, and done will be; refused with stale_key it then doesn't go
 * out once more, since nobody waits for it. */
MUST_CHECK bool issue_withdraw(struct store *s, struct issue_request *r);

#endif
