/* The phases of a connection, and which may follow which.
 *
 *   silent -> heard -> open -> noticed -> farewell -> lingering -> gone
 *                 with an error, instead of a farewell: leaving
 *                 without a word: closing
 *
 * Pure: grpc_exit.c moves connections, and asserts each move. */
#ifndef M2M_GRPC_GRPC_PHASE_H
#define M2M_GRPC_GRPC_PHASE_H

#include <stdbool.h>

/* In this order: up to GRPC_FAREWELL what comes is read, up to GRPC_LEAVING frames are sent. */
enum grpc_phase {
	GRPC_SILENT,    /* no byte has come; before that nothing is sent */
	GRPC_HEARD,     /* the client's first SETTINGS haven't come */
	GRPC_OPEN,      /* calls come and go */
	GRPC_NOTICED,   /* it was told to go elsewhere; streams on their way are still taken */
	GRPC_FAREWELL,  /* the last GOAWAY says which streams count: they are served */
	GRPC_LEAVING,   /* GOAWAY said what is wrong, nothing more is read */
	GRPC_CLOSING,   /* no more frames either: what lies in the output goes out */
	GRPC_LINGERING, /* our side is closed; what still comes is thrown away */
	GRPC_GONE,
	GRPC_PHASES
};

bool grpc_phase_may_become(enum grpc_phase from, enum grpc_phase to);

/* For assertions, tests and people. */
const char *grpc_phase_name(enum grpc_phase phase);

#endif
