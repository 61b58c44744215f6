/* The hashes that stand in a file of their own, for exports that leave them out: lines
 * `client_id,hash` of CSV, or with a tab between. */
#ifndef M2MCTL_IMPORT_HASHES_H
#define M2MCTL_IMPORT_HASHES_H

#include "ctl.h"

struct import_hashes;

/* Says what is wrong and answers EXIT_FAILED. *ret is freed by import_hashes_free. */
int import_hashes_read(struct str path, struct import_hashes **ret);
void import_hashes_free(struct import_hashes *h); /* NULL is allowed */

/* Absent: there is none of this client. */
struct str import_hashes_find(const struct import_hashes *h, struct str client_id);

#endif
