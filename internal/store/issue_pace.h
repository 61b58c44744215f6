/* When the next batch goes out. A pure decision: numbers in, a verdict out; issue.c alone acts
 * on it.
 *
 * A batch costs PostgreSQL as much as some ten rows besides its own, so batches should be large.
 * A token should not come later for it. These rules keep both:
 *
 *   - Requests that arrive in one turn of the event loop go out together, at its end.
 *   - When a commit is known, the next batch goes first, so that PostgreSQL works while this one
 *     is signed.
 *   - Unless signing takes longer than PostgreSQL does: then the next batch has time, and takes
 *     more along.
 *   - Unless gateway and PostgreSQL share the cores, and so don't work at the same time anyway:
 *     then a small batch gathers for one slice of signing. Clients that get their tokens in it
 *     may ask again in time. */
#ifndef M2M_STORE_ISSUE_PACE_H
#define M2M_STORE_ISSUE_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* That many requests are no small batch. */
#define ISSUE_GATHER_MAX 64

enum issue_moment {
	ISSUE_ARRIVED,   /* a request has come, or some that failed to go out wait again */
	ISSUE_COMMITTED, /* a batch's commit has become known */
	ISSUE_SIGNED,    /* a group of tokens is signed, and others aren't yet */
	ISSUE_TURN,      /* a later turn of the loop, or the end of what blocked */
};

struct issue_load {
	enum issue_moment moment;
	unsigned waiting;   /* requests that no statement carries yet */
	unsigned batch_max; /* that one statement takes */
	/* a batch or a seal is in flight, two batches are being answered, or the key is reloaded */
	bool blocked;
	bool scheduled;   /* a later sending is on its way */
	bool crowded;     /* gateway and PostgreSQL share the cores */
	unsigned to_sign; /* tokens that have committed and aren't signed */
	int64_t token_us; /* how long one takes, on the average */
	int64_t trip_us;  /* how long a batch takes there and back, on the average */
};

enum issue_pace {
	PACE_NOW,
	/* ISSUE_ARRIVED: at the end of this turn of the loop. ISSUE_COMMITTED: in the next one */
	PACE_LATER,
	PACE_HOLD, /* nothing to send, or what it waits for asks again when it ends */
};

enum issue_pace issue_pace(const struct issue_load *l);

#endif
