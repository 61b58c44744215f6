/* What the tests of this folder share: a worker's surroundings with a store and clocks that obey
 * the test, and tokens of its key. */
#ifndef M2M_TESTS_UNIT_OP_TEST_H
#define M2M_TESTS_UNIT_OP_TEST_H

#include "crypto/keyset.h"
#include "fakes/fake_store.h"
#include "op/op.h"

#define NOW          INT64_C(1767225600) /* where the fake clock starts: 2026-01-01T00:00:00Z */
#define ISSUER       "https://m2m.example"
#define CLIENT       "m2m_000000000000000000000A"
#define ORGANIZATION "0190a0a0-0000-7000-8000-00000000000a"

extern struct arena *arena;
extern struct store store;
extern struct config config; /* a ring of two: k2, which is active, and k1 */
extern struct op_env env;
extern struct op_counters counters;
extern struct signing_key *key;
extern unsigned replies; /* how many since op_up */

void op_up(void);
void op_down(void);

/* A snapshot of `k` alone. Free it with keyset_free. */
struct keyset *keyset_of(struct signing_key *k, uint64_t generation);

/* An op with the origin that a transport would set, not yet run. Freed by op_down, or by the
 * next new_op. */
struct op *new_op(enum op_id id);

/* One that was run with this bearer, of a store that nobody has asked before. */
struct op *run_with(enum op_id id, struct str bearer);

/* A rotation of CLIENT's, run until the store shall tell which version it replaces; and that it
 * tells it. */
struct op *begin_rotation(struct op_input in);
void tell_version(int32_t version);

/* JSON text of each claim; NULL leaves it out. */
struct claims {
	const char *iss, *sub, *exp, *nbf, *client_id, *organization_id, *secret_version, *secret_tag, *credential_tag, *iat, *roles, *jti,
		*cnf;
};
struct claims client_claims(void);   /* CLIENT's, version 3, an hour to live */
struct claims operator_claims(void); /* ops@example.com's, with role admin */
struct str token_from(struct claims c);

/* A DPoP proof with these claims, a JSON object, signed by `signer`. */
struct str proof_by(struct signing_key *signer, const char *claims);

/* The real secret of CLIENT and its verifier, as the store would tell them. */
struct str secret_of(const char *key_id, int32_t version);
struct credential credential_of(const char *key_id, int32_t version);

/* What the issuing statement tells of a granted request: version 3, and now. */
void tell_row(struct issue_request *r);

/* env.signatures, whose questions wait until end_turn. Without libcrypto_mb, where each is verified
 * at once, the test is skipped. */
void open_signatures(void);
void end_turn(void);
void close_signatures(void);

/* What was logged since op_up. */
const char *logged(void);

/* The op has been answered, once, with `err`, and it was counted. */
void answered(const struct op *op, enum err err);
/* The same, and none of it came from the store. */
void refused_unasked(const struct op *op, enum err err);

#endif
