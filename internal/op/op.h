/* A request's whole life, from either transport.
 *
 *   1. A transport has read a complete request. It finds the operation (op_find), makes a struct
 *      op (op_new) with its reply callback, and fills in what the wire said: `origin`, `in`, the
 *      request id. A request that could not be read becomes an op as well, already failed
 *      (op_fail), so that it is answered, counted and logged like any other.
 *   2. op_run takes the operation's steps one after another. A step returns OP_MORE (take the
 *      next one), OP_DONE (answered: `err` and `out` are set) or OP_WAIT: it has asked the
 *      store, and the store's callback takes the op up again with op_resume.
 *   3. However it ended, op_finish runs once: it counts, writes the access line, and calls
 *      `reply`, which encodes `err` or `out` onto the wire.
 *   4. The transport frees the op when its reply is on its way (op_free), which wipes the op's
 *      memory if it held a secret.
 *
 * The op outlives its client: when the connection goes away, or the client's deadline passes,
 * the transport lets go with op_abandon. What still waits in a queue is withdrawn; what the
 * store has begun completes, is counted and logged, and `reply` then has nobody to tell. An op
 * belongs to one worker; nothing of it is shared. No file of this folder knows HTTP, gRPC or
 * SQL. */
#ifndef M2M_OP_OP_H
#define M2M_OP_OP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/histogram.h"
#include "base/str.h"
#include "config/config.h"
#include "crypto/client_certificate.h"
#include "crypto/dpop.h"
#include "crypto/hasher.h"
#include "crypto/jwt.h"
#include "crypto/used_once.h"
#include "crypto/verifier_ring.h"
#include "hashing/hash_failures.h"
#include "hashing/hash_pool.h"
#include "hashing/key_maker.h"
#include "hashing/signature_queue.h"
#include "op/bearer_memo.h"
#include "op/certificate_memo.h"
#include "op/client_key_memo.h"
#include "op/discovery.h"
#include "op/op_table.h"
#include "op/rate_limits.h"
#include "store/act_list.h"
#include "store/admin.h"
#include "store/client_credential.h"
#include "store/credential.h"
#include "store/issue.h"
#include "store/operator.h"
#include "store/rotation.h"
#include "store/store.h"
#include "store/token_list.h"
#include "store/token_sums.h"
#include "trace/trace.h"
#include "trust/trust.h"

enum op_id {
#define OP(id, name, method, path, grpc, who, errors, steps) OP_##id,
	OP_TABLE(OP)
#undef OP
		OP_COUNT
};

/* Whose requests an operation takes; the glossary in internal/README.md has the words. */
enum op_who {
	OP_BY_ANYONE,
	OP_BY_CLIENT,   /* it authenticates itself (RFC 6749 section 2.3) */
	OP_BY_MEMBER,   /* a bearer of the organization */
	OP_BY_ADMIN,    /* a member with the role admin */
	OP_BY_PLATFORM, /* a bearer with the role platform: the routes of /admin */
	/* a client with the role resource_server, which authenticates itself, or the bearer of an
	 * admin or of the platform */
	OP_BY_RESOURCE_SERVER,
	OP_BY_KEEPER,  /* a bearer with the role platform, or an admin of the organization */
	OP_BY_CODE,    /* who shows the code of a link into the portal or the console */
	OP_BY_SESSION, /* a portal session; what else it may do, op/portal.h says */
	/* a console session, as far as its rights go (op/console.h), or a token that m2mctl made
	 * with the role operator */
	OP_BY_OPERATOR,
};

enum op_errors {
	OP_ERRORS_PROBLEM, /* RFC 9457 */
	OP_ERRORS_OAUTH,   /* RFC 6749 section 5.2 */
	/* RFC 6749 for what is wrong with the grant or its credentials, RFC 9457 for the rest */
	OP_ERRORS_GRANT,
};

struct op;
enum op_verdict { OP_MORE, OP_WAIT, OP_DONE };
typedef enum op_verdict op_step(struct op *op);

struct op_spec {
	enum op_id id;
	const char *name;
	const char *method;
	const char *path;
	size_t path_n;
	const char *grpc; /* NULL: REST only */
	enum op_who who;
	enum op_errors errors;
	op_step *const *steps; /* ends with NULL */
};

extern const struct op_spec op_specs[OP_COUNT];

/* What a request counts as: an operation, by its id, or one of these. */
enum {
	OP_ROW_UNKNOWN = OP_COUNT, /* there is nothing at its path */
	OP_ROW_PAGES,              /* it asks for a page, or for what pages consist of */
	OP_ROWS
};

/* As metrics, log and traces have it. */
const char *op_row_name(unsigned row);

/* The worker's, written by its thread and read by the metrics. */
struct op_counters {
	_Atomic uint64_t outcomes[2][OP_ROWS][ERR_COUNT]; /* REST, gRPC */
	/* microseconds from the request's being read to its answer */
	struct histogram durations[OP_ROWS];
};

#define OP_SPARE_MAX 256

struct op_env {
	const struct config *config;
	struct store *store;
	struct trust_view *trust;
	struct bearer_memo *memo;
	struct shown_memo *shown; /* shown_memo.h */
	struct verifier_ring *verifiers;
	struct client_key_memo *client_keys;
	struct certificate_memo *certificates; /* that proxies tell of */
	unsigned asking_for_keys;              /* ask_credentials.c's own: how many wait for the database */
	struct hasher *hasher;
	struct dpop_nonces *nonces; /* that proofs must have; NULL: none */
	struct op_counters *counters;
	struct trace_queue *traces;          /* NULL: off */
	struct rate_limits *limits;          /* of all workers; NULL: none */
	struct hash_view *hashing;           /* NULL: not any more */
	struct hash_failures *hash_failures; /* of all workers */
	struct key_maker *key_maker;         /* NULL: not any more */
	struct signature_queue *signatures;  /* NULL: each is verified at once, or not any more */
	/* who vouches for clients' certificates; of all workers; NULL: nobody */
	struct certificate_authorities *authorities;
	int64_t started_us; /* when the process began, as far as the worker knows */
	/* when the certificate in use ends, seconds since 1970; 0: there is none */
	int64_t (*certificate_expires)(void *tls);
	void *tls;
	struct documents documents; /* that anyone may read */
	/* The number by which the access line and the trace tell how an op ended: HTTP's, for
	 * either transport. */
	int (*status)(const struct op *op);

	/* op.c's own: arenas of ops that have ended, for those to come */
	struct arena *spare[OP_SPARE_MAX];
	unsigned spare_count;

	/* op_shed.c's own: refusals that the log doesn't tell of yet */
	unsigned shed;
	int64_t shed_logged_us;
};

/* Frees what op.c keeps there. */
void op_env_clear(struct op_env *env);

/* A client's credential, as it was written. */
struct op_new_credential {
	struct str kind;
	struct str text; /* of a key: a JWK's JSON, or PEM */
	struct certificate_input certificate;
	struct str name;
	int64_t expires_at; /* microseconds since 1970; 0: not given; negative: none that can be */
	struct workload_terms workload;
};

/* What the wire said. All borrowed from the op's arena; absent where not given. */
struct op_input {
	struct str bearer;
	bool dpop_scheme; /* it came with the scheme DPoP (RFC 9449 section 7.1), else Bearer */
	struct str dpop;  /* the DPoP proof (section 4) */
	struct str path;  /* of the route, all of it; only beside a proof, whose htu names it */
	/* client_id: of /admin, the path's */
	struct str grant_type, client_id, client_secret, scope, audience;
	/* RFC 8707; several are joined with spaces */
	struct str resource;
	struct str client_assertion, client_assertion_type; /* RFC 7521 section 4.2 */
	struct str assertion;                               /* RFC 7523 section 2.1 */
	/* the client authenticates as client_secret_basic, else as client_secret_post (RFC 6749
	 * section 2.3.1) */
	bool basic;
	int32_t grace_seconds; /* of a rotation; of what puts an end off, from now on */
	/* the old version ends when it has issued no token for so long, and at_most_seconds
	 * after the rotation; 0: not given */
	int32_t until_unused_seconds, at_most_seconds;
	bool grace_given;             /* grace_seconds, 0 or not */
	bool revoke_tokens;           /* with the versions that a rotation ends */
	struct secret_end secret_end; /* of the version that a rotation makes */
	struct str idempotency_key;

	struct str token;         /* that is asked about, or to be revoked */
	struct str if_none_match; /* RFC 9110 section 13.1.2 */
	/* entity-tags, one of which must be that of what is changed (section 13.1.1); not given:
	 * any */
	struct words if_match;

	struct str page_token;
	int32_t page_size; /* 0: not given; negative: none that can be */
	/* seconds: of a list of clients, those alone whose secret ends within them; 0: not given,
	 * negative: none that can be */
	int32_t expiring;

	/* of the list of tokens, besides client_id; what isn't given is absent or 0, what can't
	 * be understood negative */
	struct str jti, remote_addr, auth_method, credential;
	int32_t secret_version;
	int64_t issued_after, issued_before; /* microseconds since 1970; of acts, when they were done */
	struct str action, actor, outcome;   /* of acts */
	struct str by, time_zone;            /* of sums */

	/* of lists: absent where not given */
	struct str search, state, kind, reason;
	int64_t denied_after, denied_before; /* as issued_after */
	/* of signing keys: the path's, and what was asked for */
	struct str kid, alg;
	bool standby, now;

	/* of the platform's API */
	struct str organization; /* slug or id */
	struct org_spec new_org;
	struct org_change org_change;
	struct client_spec client;
	struct op_new_credential new_credential;
	struct str credential_id; /* the path's */
};

/* What a token is worth (RFC 7662 section 2.2); nothing but `active` unless that is true. Absent
 * where the token has no such claim. */
struct introspected {
	bool active;
	struct str scope, client_id, subject, issuer, jti, organization_id;
	struct str audience;           /* several are joined with spaces */
	int64_t issued_at, expires_at; /* seconds since 1970 */
	struct str bound_to;           /* "jkt:..." or "x5t#S256:..."; empty: nothing */
};

struct op_output {
	struct str client_id, client_secret;
	int32_t version;
	int64_t created_us, rotated_us, previous_expires_us; /* microseconds since 1970 */
	int64_t expires_us;                                  /* the secret's; 0: it has no end */
	int32_t previous_unused_for;                         /* seconds; 0: its end alone ends it */
	struct str access_token, scope;
	/* it is bound to a DPoP key: its token_type is DPoP, else Bearer */
	bool token_needs_proof;
	int32_t expires_in;        /* seconds */
	struct str document;       /* ready text; static or in the op's arena */
	const char *document_type; /* its media type; NULL: application/json */
	int32_t max_age;           /* seconds the document may be cached */
	/* with quotes: of a document that is the caller's alone, absent: anyone's; of the one
	 * organization or client that is shown, absent: none is */
	struct str etag;
	bool not_modified; /* the caller has what has that etag */
	struct introspected introspected;

	/* of lists, and of the platform's API; in the op's arena */
	const struct org *orgs;
	const struct client *clients;
	const struct found_client *found_clients;
	const struct listed_token *tokens;
	const struct listed_act *acts;
	const struct token_sum *sums;
	int64_t others; /* tokens that the sums leave out */
	const struct registered_credential *credentials;
	const struct secret_in_grace *secrets_in_grace;
	size_t rows;
	struct str next_page_token; /* absent: this was the last page */
};

struct op {
	const struct op_spec *spec; /* NULL: no operation at this path */
	bool pages;                 /* one of the pages, or what they consist of, is at this path */
	struct op_env *env;
	struct arena *arena;
	op_step *const *step;
	int64_t started_us;    /* monotonic */
	unsigned long starved; /* starved_count() then */

	struct str request_id; /* as sent back */
	struct origin origin;
	struct named_act act; /* of an administrative act: origin.act */
	struct op_input in;

	struct bearer caller;
	uint8_t bearer_hash[SHA256_LEN];
	struct uuid organization_id; /* for the log; zero while unknown */
	bool caller_known, client_known;
	struct {
		struct str issuer, external_id;
		bool create;
	} outsider;        /* of a trusted issuer: its organization, and whether it may be made */
	bool asked_issuer; /* waited for an outside issuer's keys already */
	bool platform;     /* the caller has the platform's role, and no organization */
	/* of a refused request, with the credentials in the other place: rate_limits.h */
	bool repeat;
	bool signed_ahead; /* `token` was signed while its row was being committed */
	bool recorded;     /* a token's row has committed */
	/* what was asked for is done; the steps that are left make the answer of it */
	bool completed;
	bool asked_credentials; /* the database was asked for the client's keys and workloads */
	bool finished;

	/* the client shows an assertion in place of its secret, which it has signed, or which its
	 * platform has; else NULL */
	struct key_proof *proof;
	struct workload_proof *workload;
	struct shown_proof *shown_proof; /* a DPoP proof for the token that is asked for; else NULL */
	struct op_portal *portal;        /* of links and sessions; else NULL */
	struct op_console *console;      /* the same of the console */
	/* an operator asks: what it came with, and whether PostgreSQL has found that live */
	struct operator_proof by;
	bool operator_token, operates;
	/* its secret was brought along, and is being adopted; else NULL */
	struct adoption *adoption;
	/* What the client shows in place of its secret, once that was found right; auth_method
	 * 0: its secret. */
	struct client_shown shown;
	/* Which key and which certificate the request proves to hold: "jkt:..." of its DPoP
	 * proof, once that was found right, "x5t#S256:..." of the connection's client
	 * certificate; else absent. */
	struct {
		struct str jkt, x5t;
		struct issue_once proof;
	} held;
	/* The DPoP proof that a bearer came with, which is for this request and for nothing that it
	 * asks for. */
	struct {
		bool wanted; /* the bearer is bound to a key */
		bool spent;  /* it was found right, and nobody uses it once more */
		/* what of it FAPI 2.0 forbids (static); NULL: nothing */
		const char *fapi2_fault;
		struct issue_once once;
	} bearer_proof;
	struct str dpop_nonce; /* for the next proof (RFC 9449 section 8); absent: none is wanted */
	/* the certificate that the request came with; its names as client_certificate.h has them,
	 * absent where nobody vouches for them */
	struct {
		bool shown;
		struct str names;
	} certificate;
	/* what of the request FAPI 2.0 forbids, which matters to clients of that profile alone: a
	 * sentence (static) and, below, the error; NULL: nothing */
	const char *fapi2_fault;

	struct issue_request issue;
	struct sbuf token; /* the one that is being made */
	struct jwt_draft draft;
	struct credential_rotation rotation;
	struct grace_change grace_change;
	struct credential_new fresh;
	struct client_credential_spec new_credential;
	struct token_filter listed;
	struct own_token *own_token; /* that is asked about; own_token.h */
	struct uuid listed_jti;
	char secret[SECRET_LEN];
	unsigned conflicts;

	enum err fapi2_err;
	enum err err;
	const char *err_detail;  /* static; NULL: the error table's sentence */
	const char *retry_after; /* seconds as text, with 429 and 503 */
	enum err abandoned;      /* ERR_OK: the client waits; else why it doesn't any more */
	struct op_output out;

	void (*reply)(struct op *op, void *transport);
	void *transport;
	/* before the access line: makes the answer of an op that is granted. False: it found no
	 * room, and the op fails. NULL: `reply` makes it. */
	bool (*compose)(struct op *, void *transport);
};

/* What stands in a path where op_table.h has {organization} and its like; borrowed from the path,
 * absent where it has none. A client's id and a credential's as they stand there, perhaps with
 * escapes. */
struct op_path {
	struct str organization, client_id, credential_id, session_id, kid;
};

/* The operation at (method, path); NULL if there is none, and *ret_path untouched. *ret_allow
 * then lists the methods that the path does take ("GET, POST"; static), and is NULL when nothing
 * is there, or when the operation was found. */
const struct op_spec *op_find(struct str method, struct str path, struct op_path *ret_path, const char **ret_allow);
const struct op_spec *op_find_grpc(struct str method);

/* NULL: out of memory. `reply` is called once. */
struct op *op_new(struct op_env *env, const struct op_spec *spec, void (*reply)(struct op *, void *), void *transport);
void op_free(struct op *op);

/* Takes the client's request id if it is up to 64 of [A-Za-z0-9._-], makes a UUIDv7 otherwise,
 * and sets the audit's uuid (the id itself, or the UUIDv8 of its SHA-256). */
void op_set_request_id(struct op *op, struct str given);

/* Runs the op from its first step, or answers at once if op_fail was called before. */
void op_run(struct op *op);
/* A store's callback hands the op back: goes on with the next step, or ends with `err`; with
 * ERR_STORE_UNAVAILABLE if a step is left and the answer is overdue. */
void op_resume(struct op *op, enum err err);

/* The client no longer waits: `why` is ERR_DEADLINE_EXCEEDED or ERR_CANCELLED. An op that is
 * still queued is withdrawn and ends with `why`, with its `reply`, before this returns.
 * Otherwise what is under way completes first, no further step is taken, and nobody gets a
 * token: an op whose last step has completed ends as it ended, but without a token in `out`; one
 * with steps left (or not run yet) ends with `why`. Without effect on an op that has ended or
 * was abandoned before. Not to be called from a step. */
void op_abandon(struct op *op, enum err why);

/* When its answer is due (M2M_REQUEST_TIMEOUT_MS), monotonic. */
int64_t op_until_us(const struct op *op);

/* The word for a row's transport, as the audit's views have it: "rest", "grpc" or "m2mctl". */
const char *op_transport_name(char transport);

/* Sets the outcome; steps write `return op_fail(op, ERR_..., "why")`. `detail` is static or
 * NULL. */
enum op_verdict op_fail(struct op *op, enum err err, const char *detail);

#endif
