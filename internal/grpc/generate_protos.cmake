# The .proto files -> protobuf-c's message code, and one serialized FileDescriptorSet embedded in C,
# which server reflection answers from. Included, it adds the build steps; run with -P, it embeds
# the descriptor set.
if(CMAKE_SCRIPT_MODE_FILE)
  include("${CMAKE_CURRENT_LIST_DIR}/../base/embed.cmake")
  file(READ "${INPUT}" hex HEX)
  hex_bytes(bytes "${hex}")
  file(WRITE "${OUTPUT}" "/* Made from the .proto files by internal/grpc/generate_protos.cmake. */
#include \"grpc/descriptors.h\"

const uint8_t descriptors[] = {
${bytes}};
const size_t descriptors_n = sizeof descriptors;
")
  return()
endif()

find_program(PROTOC_C protoc-c REQUIRED)
set(proto_contract "${CMAKE_SOURCE_DIR}/internal/api") # ours, and copies of googleapis' and grpc-proto's files
set(proto_google /usr/include)                         # google/protobuf, from Debian's libprotobuf-dev
set(proto_paths -I "${proto_contract}" -I "${proto_google}")
set(proto_generated "${CMAKE_BINARY_DIR}/generated/proto")
file(MAKE_DIRECTORY "${proto_generated}")

set(M2M_GENERATED_grpc "")
set(proto_files "")
function(proto_compile folder name)
  set(output "${proto_generated}/${name}.pb-c.c")
  add_custom_command(
    OUTPUT "${output}" "${proto_generated}/${name}.pb-c.h"
    COMMAND "${PROTOC_C}" ${proto_paths} "--c_out=${proto_generated}" "${folder}/${name}.proto"
    DEPENDS "${folder}/${name}.proto"
    COMMENT "protoc-c ${name}.proto"
    VERBATIM)
  # what a generator writes isn't ours to keep free of warnings
  set_source_files_properties("${output}" PROPERTIES COMPILE_OPTIONS -w SKIP_LINTING ON)
  set(M2M_GENERATED_grpc "${M2M_GENERATED_grpc};${output};${proto_generated}/${name}.pb-c.h" PARENT_SCOPE)
  set(proto_files "${proto_files};${folder}/${name}.proto" PARENT_SCOPE)
endfunction()

proto_compile("${proto_contract}" m2m/v1/m2m)
proto_compile("${proto_contract}" google/api/annotations)
proto_compile("${proto_contract}" google/api/http)
proto_compile("${proto_contract}" google/rpc/status)
proto_compile("${proto_contract}" google/rpc/error_details)
proto_compile("${proto_contract}" grpc/health/v1/health)
proto_compile("${proto_contract}" grpc/reflection/v1/reflection)
proto_compile("${proto_google}" google/protobuf/any)
proto_compile("${proto_google}" google/protobuf/descriptor)
proto_compile("${proto_google}" google/protobuf/duration)
proto_compile("${proto_google}" google/protobuf/timestamp)

set(descriptor_set "${CMAKE_BINARY_DIR}/generated/descriptors.pb")
set(descriptors "${CMAKE_BINARY_DIR}/generated/descriptors.c")
add_custom_command(
  OUTPUT "${descriptors}"
  BYPRODUCTS "${descriptor_set}"
  COMMAND "${PROTOC_C}" ${proto_paths} --include_imports "--descriptor_set_out=${descriptor_set}" m2m/v1/m2m.proto grpc/health/v1/health.proto
          grpc/reflection/v1/reflection.proto grpc/reflection/v1alpha/reflection.proto
          google/rpc/error_details.proto # so that clients can show what stands in grpc-status-details-bin
  COMMAND "${CMAKE_COMMAND}" "-DINPUT=${descriptor_set}" "-DOUTPUT=${descriptors}" -P "${CMAKE_CURRENT_LIST_FILE}"
  DEPENDS ${proto_files} "${CMAKE_CURRENT_LIST_FILE}" "${CMAKE_SOURCE_DIR}/internal/base/embed.cmake"
  COMMENT "Embedding the descriptors"
  VERBATIM)
list(APPEND M2M_GENERATED_grpc "${descriptors}")
