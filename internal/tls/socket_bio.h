/* A session's socket, as a BIO that doesn't own it: one recv or send a call, which never blocks and
 * raises no SIGPIPE. OpenSSL's own BIO calls read and write, which take the kernel longer. */
#ifndef M2M_TLS_SOCKET_BIO_H
#define M2M_TLS_SOCKET_BIO_H

#include <openssl/ssl.h>

/* For as long as there are any of its BIOs; BIO_meth_free. NULL: out of memory. */
BIO_METHOD *socket_bio_method(void);

/* `fd` is borrowed for as long as the BIO lives. NULL: out of memory. */
BIO *socket_bio_new(const BIO_METHOD *method, int *fd);

#endif
