# openapi.yaml -> the same as JSON, and both texts in one C file, so that the daemon serves the
# contract that it was built with. Included, it adds the build steps; run with -P, it embeds the
# texts.
if(CMAKE_SCRIPT_MODE_FILE)
  include("${CMAKE_CURRENT_LIST_DIR}/../base/embed.cmake")
  file(READ "${YAML}" yaml)
  file(READ "${JSON}" json)
  c_text(yaml "${yaml}")
  c_text(json "${json}")
  file(WRITE "${OUTPUT}" "/* Made from internal/api/openapi.yaml by internal/api/embed_openapi.cmake. */
#include \"op/openapi.h\"

static const char yaml[] =
${yaml};
static const char json[] =
${json};

const struct str openapi_yaml = {yaml, sizeof yaml - 1};
const struct str openapi_json = {json, sizeof json - 1};
")
  return()
endif()

pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
add_executable(yaml_to_json "${CMAKE_CURRENT_LIST_DIR}/yaml_to_json.c")
target_link_libraries(yaml_to_json PRIVATE PkgConfig::YAML)
# it runs in the build, where a sanitizer's wishes about the address space can't be met
target_compile_options(yaml_to_json PRIVATE -fno-sanitize=all)
target_link_options(yaml_to_json PRIVATE -fno-sanitize=all)

set(openapi_source "${CMAKE_CURRENT_LIST_DIR}/openapi.yaml")
set(openapi_json "${CMAKE_BINARY_DIR}/generated/openapi.json")
set(M2M_GENERATED_op "${CMAKE_BINARY_DIR}/generated/openapi.c")
file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/generated")
add_custom_command(
  OUTPUT "${openapi_json}"
  COMMAND yaml_to_json "${openapi_source}" "${openapi_json}"
  DEPENDS yaml_to_json "${openapi_source}"
  COMMENT "openapi.yaml to JSON"
  VERBATIM)
add_custom_command(
  OUTPUT "${M2M_GENERATED_op}"
  COMMAND "${CMAKE_COMMAND}" "-DYAML=${openapi_source}" "-DJSON=${openapi_json}" "-DOUTPUT=${M2M_GENERATED_op}" -P "${CMAKE_CURRENT_LIST_FILE}"
  DEPENDS "${openapi_source}" "${openapi_json}" "${CMAKE_CURRENT_LIST_FILE}" "${CMAKE_SOURCE_DIR}/internal/base/embed.cmake"
  COMMENT "Embedding the API contract"
  VERBATIM)
