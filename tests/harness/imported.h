/* Clients that were brought along from another product, as m2mctl client import leaves them: put
 * straight into the database. */
#ifndef M2M_TESTS_HARNESS_IMPORTED_H
#define M2M_TESTS_HARNESS_IMPORTED_H

#include "harness/world.h"

#define BCRYPT_MAX  64
#define ENCODED_MAX 400 /* of 128 characters, each escaped */

/* The bcrypt hash of a secret; 4 is the least cost. */
const char *bcrypt_of(const char *secret, unsigned cost, char out[BCRYPT_MAX]);

/* A client of the organization whose only secret is known by another product's hash; it has the
 * roles admin and resource_server, and what else the organization's first client has. Gateways that
 * run already know of the first one within seconds; those that start later at once. */
void import_client(struct world *w, const char *slug, const char *client_id, const char *hash);

/* Percent-encoded, as forms and paths have it: all but letters, digits and "-._~". */
const char *percent_encoded(const char *text, char out[ENCODED_MAX]);

/* How many of the client's secrets have no verifier of ours yet. */
int64_t unadopted(struct world *w, const char *client_id);

/* Rows adopt_secret of the client in the admins' audit. */
int64_t adoptions(struct world *w, const char *client_id);

#endif
