/* The memory that protobuf-c unpacks into: an arena, so that a message is bounded and goes,
 * wiped if it must be, with the arena. Only the folder grpc/ may include this. */
#ifndef M2M_GRPC_PB_MEMORY_H
#define M2M_GRPC_PB_MEMORY_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"

/* Freeing does nothing; when the arena is full, unpacking answers NULL. Lives as long as `a`. */
ProtobufCAllocator pb_memory(struct arena *a);

#endif
