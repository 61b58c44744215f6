/* What the files of a move share. Private to operator/. */
#ifndef M2M_OPERATOR_ORG_MOVE_PARTS_H
#define M2M_OPERATOR_ORG_MOVE_PARTS_H

#include "crypto/digest.h"
#include "operator/exec.h"
#include "operator/org_move.h"

struct org_move {
	struct operator_db *from, *to;
	const struct org_move_spec *spec;
	struct uuid organization_id, move_id;
	struct str slug, moving, state, peer, url;
	struct uuid source_id, target_id, peer_id;
	int64_t clients;
	/* the target is written to only as long as the move is arriving there */
	bool guarded;
	/* the units that the target has, as the source listed them; NULL: unknown */
	PGresult *has;
	/* the snapshot up to which it has what was used once; absent: none */
	struct str used_seen;
	/* what expires before is left out of what is copied, and of what is checked */
	int64_t lists_from, checks;
	uint8_t digest[SHA256_LEN];
};

/* One statement of a move, in a transaction of its own as the owner, which may change an
 * organization that moves. `act` (NULL: none) is recorded beside it if it answers a row. `*ret`,
 * which may be NULL, is the caller's to clear. A failure's sentence is the source's too. */
MUST_CHECK enum err org_move_run(struct org_move *m, struct operator_db *db, const char *sql, const struct pg_params *p,
				 const struct operator_act *act, PGresult **ret);

/* What both ends' rows of the move begin with: its id, the organization's, the other end (`out`: of
 * the source's row), and the actor. */
void org_move_put_begin(struct org_move *m, struct pg_params *p, bool out);

/* Takes the organization's own row to the target, which begins the move there or goes on with
 * it. */
MUST_CHECK enum err org_move_take_organization(struct org_move *m);

/* Copies what the target lacks or has otherwise, and takes away what it has too much. */
MUST_CHECK enum err org_move_copy(struct org_move *m);

/* Lists both ends and compares them; leaves m->digest. ERR_MISMATCH. */
MUST_CHECK enum err org_move_verify(struct org_move *m);

/* Copies what was used once, since m->used_seen. */
MUST_CHECK enum err org_move_copy_used_once(struct org_move *m);

/* Copies when each credential was used last. */
MUST_CHECK enum err org_move_copy_uses(struct org_move *m);

#endif
