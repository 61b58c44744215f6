/* How many refused acts become rows, so that nobody fills the disk by asking for what they may not:
 * of an organization's bearer, by the secret that it was obtained with, the first few of each
 * minute; of what moves, and of the platform, sessions and operators, the first few of each
 * action. */
#ifndef M2M_STORE_ACT_BOUND_H
#define M2M_STORE_ACT_BOUND_H

#include <stdbool.h>
#include <stdint.h>

#include "sql/origin.h"

#define ACT_BOUND_ROWS  10  /* a minute, of one actor, or of one action of theirs */
#define ACT_BOUND_KINDS 256 /* a power of two; of more actors and actions no row is written */
#define ACT_BOUND_TEXT  64  /* bytes of whatever the request named */

struct act_bound {
	int64_t minute;
	struct {
		uint64_t kind; /* a hash; 0: free */
		unsigned rows;
	} kinds[ACT_BOUND_KINDS];
};

/* True: it becomes a row. `named`: what else tells one organization from another; may be absent. */
bool act_bound_takes(struct act_bound *b, const struct origin *o, struct str named, int64_t now_us);

/* The beginning of `s`, as many whole characters as fit; up to the first that isn't valid, or that
 * is hidden (base/visible.h): people read it. */
struct str act_bound_cut(struct str s);

#endif
