/* Listening sockets: TCP, of which each worker has its own on the same port (SO_REUSEPORT), and
 * unix sockets, of which there is one that all workers accept from. */
#ifndef M2M_WORKER_LISTEN_H
#define M2M_WORKER_LISTEN_H

#include "base/sbuf.h"
#include "config/config.h"

/* What a process holds of a listener besides its workers: its unix sockets, and until listen_open
 * the ports that were any free ones, so that no other listener is given them. Starts as
 * {.n = 0}. */
struct listen_claim {
	int fds[CONFIG_LISTEN_MAX];  /* -1: TCP */
	int held[CONFIG_LISTEN_MAX]; /* -1: none */
	unsigned n;
};

struct listen_set {
	int fds[CONFIG_LISTEN_MAX];
	unsigned n;
};

/* Binds each TCP address once without SO_REUSEPORT, since with it a second process would bind
 * silently beside the first; so a busy port is an error here. A port 0 in *listener is replaced
 * by the port that was free. A unix socket is made, for its owner and group (mode 0660), in
 * place of one that nobody listens on any more. ERR_IO with one sentence in `why`; what was
 * claimed until then is *ret's. */
MUST_CHECK enum err listen_claim(struct config_listener *listener, const char *setting, struct listen_claim *ret, struct sbuf *why);

/* Removes the unix sockets' names, so that nobody connects any more; workers go on accepting who
 * has. */
void listen_withdraw(const struct config_listener *listener, struct listen_claim *claim);

/* Non-blocking listening sockets, one for each address; with `shared`, TCP's are several on a
 * port, each with an accept queue of its own. ERR_IO as above, and then there is none. */
MUST_CHECK enum err listen_open(const struct config_listener *listener, struct listen_claim *claim, bool shared, struct listen_set *ret,
				struct sbuf *why);
void listen_close(struct listen_set *set);

/* From now on the kernel makes no new connections there, while those that it has made can still
 * be accepted: closing the socket resets what waits in its queue. A client that tries meanwhile
 * is not answered, tries again after a second, and finds what is there then. False: the kernel
 * can't do that. */
bool listen_refuse_new(const struct listen_set *set);

#endif
