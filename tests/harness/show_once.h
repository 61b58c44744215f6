/* Things that are good once, such as assertions and DPoP proofs, each of which several threads show
 * at two gateways at once: half of them from the first to the last, half the other way round. */
#ifndef M2M_TESTS_HARNESS_SHOW_ONCE_H
#define M2M_TESTS_HARNESS_SHOW_ONCE_H

#include "harness/world.h"

enum shown { SHOWN_GRANTED, SHOWN_REPLAYED, SHOWN_OTHERWISE };
typedef enum shown show_once(struct http_conn *c, const char *thing, struct http_reply *r);

/* Fails the test unless each of the `n` is granted once and refused as replayed otherwise, nobody
 * waits for anybody in a circle, and `bystander`, which asks with its secret meanwhile, always gets
 * its token. */
void show_each_once(struct world *w, const struct gateway *second, const struct org *bystander, show_once *show, char (*things)[TOKEN_MAX],
		    unsigned n);

#endif
