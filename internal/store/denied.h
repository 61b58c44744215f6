/* Refused attempts, counted in bounded memory per client, address and minute, and inserted
 * together once a minute, outside of the issuing statement: an attacker can neither fill the
 * disk nor slow the innocent down. When the table is full, further kinds share one bucket
 * without client and address. */
#ifndef M2M_STORE_DENIED_H
#define M2M_STORE_DENIED_H

#include "store/store.h"

/* `client_id` absent or unknown: the unknown bucket. `remote_addr` numeric text or absent; IPv6
 * counts as its /64. `reason` must be static. */
void denied_count(struct store *s, struct str client_id, struct str remote_addr, const char *reason);

/* Sends what was counted; called once a minute and at the end of a drain. Counts of a failed
 * insertion are kept for the next. */
void denied_flush(struct store *s);

struct denied_health {
	unsigned kinds, room; /* that are counted and not inserted yet; how many can be */
	bool failed;          /* the last insertion */
	/* attempts so far that were counted without client and address, for want of room; and that
	 * weren't counted */
	uint64_t merged, lost;
	int64_t crowded_us; /* when the last of these was, clock_mono_us; 0: none was */
};
struct denied_health denied_health(const struct store *s);

#endif
