/* What every .proto file that this server speaks declares: a serialized
 * google.protobuf.FileDescriptorSet, made at build time. */
#ifndef M2M_GRPC_DESCRIPTORS_H
#define M2M_GRPC_DESCRIPTORS_H

#include <stddef.h>
#include <stdint.h>

extern const uint8_t descriptors[];
extern const size_t descriptors_n;

#endif
