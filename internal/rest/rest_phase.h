/* The phases of a connection, and which may follow which.
 *
 *   attaching -> greeting -> receiving -> working -> sending -> receiving ...
 *                                any of them -> closing -> gone
 *
 * Pure: rest_exit.c moves connections, and asserts each move. */
#ifndef M2M_REST_REST_PHASE_H
#define M2M_REST_REST_PHASE_H

#include <stdbool.h>

enum rest_phase {
	REST_ATTACHING, /* evhttp makes its own part of it; nothing was read */
	REST_GREETING,  /* a PROXY header or a TLS handshake comes first */
	REST_RECEIVING, /* no request is whole: idle, or one is coming */
	REST_WORKING,   /* one request is served; what is behind it waits */
	REST_SENDING,   /* its answer goes out */
	REST_CLOSING,   /* why it ends is said; evhttp lets go of it */
	REST_GONE,      /* its memory waits for the loop's callbacks */
	REST_PHASES
};

bool rest_phase_may_become(enum rest_phase from, enum rest_phase to);

/* For assertions, tests and people. */
const char *rest_phase_name(enum rest_phase phase);

#endif
