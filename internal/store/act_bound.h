/* How many refused acts become rows: of one actor of an organization the first few of each minute,
 * whatever they are, so that nobody fills the disk by asking for what they may not. */
#ifndef M2M_STORE_ACT_BOUND_H
#define M2M_STORE_ACT_BOUND_H

#include <stdbool.h>
#include <stdint.h>

#include "sql/origin.h"

#define ACT_BOUND_ROWS  10  /* a minute, of one actor of an organization */
#define ACT_BOUND_KINDS 256 /* a power of two; of more actors no row is written */
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
