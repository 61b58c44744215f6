/* The two calls that protobuf-c asks of an allocator, made on an arena. */
#include "grpc/pb_memory.h"

static void *take(void *arena, size_t size)
{
	return arena_alloc(arena, size);
}

static void keep(void *arena, void *bytes)
{
	(void)arena;
	(void)bytes;
}

ProtobufCAllocator pb_memory(struct arena *a)
{
	return (ProtobufCAllocator){.alloc = take, .free = keep, .allocator_data = a};
}
