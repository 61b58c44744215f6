/* The audit's seals, from the side of who doubts it: does every row still say what was sealed,
 * is none missing, is none there that nobody wrote; where each writer stands; and the proof of
 * one row. What a seal is stands in migrations/0005 and crypto/audit_seal.h. Each reads in one
 * snapshot; the role m2m_auditor is enough. */
#ifndef M2M_OPERATOR_SEAL_H
#define M2M_OPERATOR_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/audit_seal.h"
#include "operator/db.h"

enum seal_fault {
	ROW_CHANGED,
	ROW_REMOVED,
	ROW_ADDED,
	SEAL_CHANGED, /* its signature doesn't fit, or it doesn't fit its neighbours */
	/* the ones before and after are there; or it is a head's, or what a writer says that it
	 * goes on from */
	SEAL_MISSING,
	SEAL_UNVOUCHED, /* signed with a key that nobody vouches for */
	SEAL_FAULTS
};

/* Static storage: "rows that were changed". */
const char *seal_fault_text(enum seal_fault fault);

/* How far a writer had come: its last seal, as it was signed. */
struct seal_head {
	struct uuid writer;
	uint64_t seq;
	int64_t at; /* microseconds since 1970, as everywhere here */
	bool last;
	uint8_t hash[SHA256_LEN];
	struct str signature, kid;
	struct str public_jwk; /* the kid's; absent: the database doesn't have it */
};

/* Of the writers of the last `days`, by their last seal's time. */
MUST_CHECK enum err operator_seal_heads(struct operator_db *db, int32_t days, const struct seal_head **ret, size_t *ret_n);

struct seal_check_spec {
	int32_t days; /* how far back */
	/* vouches for the keys that are derived from it; it may be empty */
	const struct master_ring *ring;
	const struct seal_head *heads; /* what was true earlier; they vouch for their keys */
	size_t heads_n;
	void (*progress)(void *arg, uint64_t rows);
	/* `which` names it, and is gone afterwards */
	void (*fault)(void *arg, enum seal_fault fault, struct str which);
	void *arg;
};

struct seal_check {
	uint64_t rows, seals, writers;
	/* rows of a writer's last batch: the next one, or a second of quiet, seals them; after a
	 * crash nothing does */
	uint64_t unsealed;
	uint64_t before; /* rows from before there were seals */
	uint64_t faults[SEAL_FAULTS];
	/* somebody vouches for keys: ring or heads. Otherwise they are what the database says */
	bool vouched;
};

/* Counts and names every fault. ERR_MISMATCH when a head is not what its own signature says. */
MUST_CHECK enum err operator_seal_check(struct operator_db *db, const struct seal_check_spec *spec, struct seal_check *ret);

/* That one row is what was sealed: from its bytes up the path to the root, which stands in the
 * signed bytes. */
struct seal_proof {
	int64_t issued_at;
	struct uuid batch_id;
	struct str row; /* as audit_tree.h says */
	size_t index, rows;
	size_t path_n;
	uint8_t path[AUDIT_PATH_MAX][SHA256_LEN];
	struct str seal; /* the bytes whose SHA-256 is signed */
	struct str signature, kid, public_jwk;
};

/* ERR_NOT_FOUND: no such token, or it isn't sealed (yet). ERR_MISMATCH: its batch is not what
 * was sealed. */
MUST_CHECK enum err operator_seal_prove(struct operator_db *db, const struct uuid *jti, struct seal_proof *ret);

#endif
