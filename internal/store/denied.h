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

#endif
