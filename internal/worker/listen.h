/* Listening sockets. */
#ifndef M2M_WORKER_LISTEN_H
#define M2M_WORKER_LISTEN_H

#include "base/sbuf.h"
#include "config/config.h"

/* Binds the address once without SO_REUSEPORT, since with it a second process would bind silently beside the first; so a busy port is an error here. Port 0 in *listen
 * is replaced by the port that was free. ERR_IO with one sentence in `why`. */
MUST_CHECK enum err listen_claim(struct config_listen *listen, const char *setting, struct sbuf *why);

/* A non-blocking listening socket; with `shared`, one of several on the port (SO_REUSEPORT), each with an accept queue of its own. */
MUST_CHECK enum err listen_open(const struct config_listen *listen, bool shared, int *ret_fd, struct sbuf *why);

/* From now on the kernel makes no new connections there, while those that it has made can still be accepted: closing the socket resets what waits in its queue. A client that tries meanwhile
 * is not answered, tries again after a second, and finds what is there then. False: the kernel can't do that. */
bool listen_refuse_new(int fd);

#endif
