/* Moves an organization with its clients from this installation (the source) to another one (the
 * target), which is frozen for a moment only: what is there is copied first, then the organization
 * is frozen, what has changed since is copied, and it is opened at the target.
 *
 * Each step commits at one end. What m2mctl goes on from stands in m2m.organization_move at both,
 * so a move that was ended at any point is finished, or backed out, by running it again:
 *
 *   source    target     the organization is
 *   copying   arriving   open at the source
 *   frozen    arriving   open nowhere: 503, clients try again
 *   moved     arriving   open nowhere
 *   moved     open       open at the target
 *
 * It is opened at the target only behind the source's `moved`, and again at the source only behind
 * the target's `backed_out`. So it is never open at both.
 *
 * Audit rows stay where they were written. Both ends record the move in admin_audit, each with the
 * other's name and the SHA-256 of what was copied. */
#ifndef M2M_OPERATOR_ORG_MOVE_H
#define M2M_OPERATOR_ORG_MOVE_H

#include "base/uuid.h"
#include "operator/db.h"

struct org_move_spec {
	struct str org; /* slug or id */
	struct str url; /* the target's, which clients are told */
	/* called at each step with a line for a person; may be NULL */
	void (*tell)(const char *step);
};

struct org_move_done {
	struct uuid organization_id, move_id;
	struct str slug, peer, url;
	int64_t clients;
	/* from the freeze to the opening, by the source's clock; 0: backed out */
	int64_t pause_us;
	struct str digest; /* hexadecimal; absent: backed out */
};

/* Moves, or goes on with the move that is under way. Why it failed stands in operator_why(from),
 * and what is left to do with it.
 *   ERR_NOT_FOUND    there is no such organization
 *   ERR_KEY_MISSING  the target lacks a master key that its secrets need; nothing was frozen
 *   ERR_MISMATCH     both ends are one installation, a move to another one is under way, or what
 *                    was copied differs
 *   ERR_EXISTS       the target has an organization or a client of this name
 *   ERR_CONFLICT     it was backed out, moves here, or somebody else moves it now */
MUST_CHECK enum err operator_org_move(struct operator_db *from, struct operator_db *to, const struct org_move_spec *spec,
				      struct org_move_done *ret);

/* Takes a move back that hasn't opened the organization at the target. ERR_NOT_FOUND: none is under
 * way. ERR_CONFLICT: it is open at the target. */
MUST_CHECK enum err operator_org_move_back_out(struct operator_db *from, struct operator_db *to, const struct org_move_spec *spec,
					       struct org_move_done *ret);

#endif
