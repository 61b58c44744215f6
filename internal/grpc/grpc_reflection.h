/* Server reflection (grpc.reflection.v1 and v1alpha, whose messages are the same on the wire):
 * what this server speaks, out of descriptors.h, for clients that have no
 * .proto file at hand. */
#ifndef M2M_GRPC_GRPC_REFLECTION_H
#define M2M_GRPC_GRPC_REFLECTION_H

#include "base/arena.h"
#include "grpc/grpc_call.h"

#define GRPC_REFLECTION_MEMORY (192 * 1024) /* more than enough of the arena for grpc_reflection_new */

extern const struct grpc_method grpc_reflection_methods[];
extern const size_t grpc_reflection_methods_n;

/* The file descriptors, parsed once per server; from `a`, with which it lives. NULL: out of
 * memory. */
struct grpc_reflection *grpc_reflection_new(struct arena *a);

#endif
