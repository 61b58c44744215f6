/* The table of the allowed moves. */
#include "grpc/grpc_phase.h"

#define TO(phase) (1u << (phase))
/* An error, no memory, an end that nghttp2 has found, or the socket's own. */
#define TO_ANY_END (TO(GRPC_LEAVING) | TO(GRPC_CLOSING) | TO(GRPC_LINGERING) | TO(GRPC_GONE))

static const struct {
	const char *name;
	unsigned next;
} phases[GRPC_PHASES] = {
	[GRPC_SILENT] = {"silent", TO(GRPC_HEARD) | TO(GRPC_CLOSING) | TO(GRPC_GONE)},
	[GRPC_HEARD] = {"heard", TO(GRPC_OPEN) | TO(GRPC_NOTICED) | TO_ANY_END},
	[GRPC_OPEN] = {"open", TO(GRPC_NOTICED) | TO_ANY_END},
	[GRPC_NOTICED] = {"noticed", TO(GRPC_FAREWELL) | TO_ANY_END},
	[GRPC_FAREWELL] = {"farewell", TO_ANY_END},
	[GRPC_LEAVING] = {"leaving", TO(GRPC_CLOSING) | TO(GRPC_LINGERING) | TO(GRPC_GONE)},
	[GRPC_CLOSING] = {"closing", TO(GRPC_LINGERING) | TO(GRPC_GONE)},
	[GRPC_LINGERING] = {"lingering", TO(GRPC_GONE)},
	[GRPC_GONE] = {"gone", 0},
};

bool grpc_phase_may_become(enum grpc_phase from, enum grpc_phase to)
{
	return (phases[from].next & TO(to)) != 0;
}

const char *grpc_phase_name(enum grpc_phase phase)
{
	return phases[phase].name;
}
