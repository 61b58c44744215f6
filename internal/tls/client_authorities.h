/* Whose word about clients' certificates counts: the file of M2M_TLS_CLIENT_CA, which is reread
 * when it changes, whether a listener speaks TLS or a proxy tells of the certificates. */
#ifndef M2M_TLS_CLIENT_AUTHORITIES_H
#define M2M_TLS_CLIENT_AUTHORITIES_H

#include "base/sbuf.h"
#include "config/config.h"
#include "crypto/client_certificate.h"

struct client_authorities;

/* *ret is NULL where no setting names any. ERR_MALFORMED: they are unusable, and `faults` has a
 * line; ERR_NO_MEMORY. `config` is borrowed. */
MUST_CHECK enum err client_authorities_open(const struct config *config, struct client_authorities **ret, struct sbuf *faults);
void client_authorities_close(struct client_authorities *a); /* NULL is allowed */

/* Rereads the file; from one thread, as tls_look. What can't be used changes nothing, and the log
 * says so once. NULL is allowed. */
void client_authorities_look(struct client_authorities *a);

/* What it has read; as long as `a`. NULL where that is. */
struct certificate_authorities *client_authorities_set(const struct client_authorities *a);

#endif
