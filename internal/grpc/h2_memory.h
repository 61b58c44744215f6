/* nghttp2's memory: headers with bearers pass through it, and what it lets go is wiped. */
#ifndef M2M_GRPC_H2_MEMORY_H
#define M2M_GRPC_H2_MEMORY_H

#include <nghttp2/nghttp2.h>

/* For every session; never changed. */
extern nghttp2_mem h2_memory;

#endif
