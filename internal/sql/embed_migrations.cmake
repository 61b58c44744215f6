# migrations/NNNN_name.{up,down}.sql -> one C file with their text and checksums, so that m2mctl
# carries its migrations with it and the gateway knows the schema that it was built for. Included,
# it adds the build step; run with -P, it is that step.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  file(GLOB migrations CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/migrations/*.sql")
  set(M2M_GENERATED_sql "${CMAKE_BINARY_DIR}/generated/schema_files.c")
  add_custom_command(
    OUTPUT "${M2M_GENERATED_sql}"
    COMMAND "${CMAKE_COMMAND}" "-DFOLDER=${CMAKE_SOURCE_DIR}/migrations" "-DOUTPUT=${M2M_GENERATED_sql}" -P "${CMAKE_CURRENT_LIST_FILE}"
    DEPENDS ${migrations} "${CMAKE_CURRENT_LIST_FILE}" "${CMAKE_SOURCE_DIR}/internal/base/embed.cmake"
    COMMENT "Embedding the migrations"
    VERBATIM)
  return()
endif()

include("${CMAKE_CURRENT_LIST_DIR}/../base/embed.cmake")

file(GLOB ups "${FOLDER}/*.up.sql")
list(SORT ups)
set(version 0)
set(texts "")
set(rows "")
foreach(up IN LISTS ups)
  math(EXPR version "${version} + 1")
  if(NOT up MATCHES "/0*${version}_([a-z0-9_]+)\\.up\\.sql$")
    message(FATAL_ERROR "${up}: expected migration number ${version}, named NNNN_name.up.sql")
  endif()
  set(name "${CMAKE_MATCH_1}")
  string(REGEX REPLACE "up\\.sql$" "down.sql" down "${up}")
  file(READ "${up}" up_text)
  file(READ "${down}" down_text)
  file(SHA256 "${up}" checksum)
  c_text(up_text "${up_text}")
  c_text(down_text "${down_text}")
  hex_bytes(checksum_bytes "${checksum}")
  string(APPEND texts "static const char up_${version}[] =\n${up_text};\nstatic const char down_${version}[] =\n${down_text};\n")
  string(APPEND rows "\t{${version}, \"${name}\", up_${version}, down_${version}, {${checksum_bytes}}},\n")
endforeach()
if(version EQUAL 0)
  message(FATAL_ERROR "${FOLDER}: no migrations")
endif()

file(WRITE "${OUTPUT}" "/* Made from migrations/ by internal/sql/embed_migrations.cmake. */
#include \"sql/schema.h\"

${texts}
const struct schema_file schema_files[] = {
${rows}};
const int schema_files_n = ${version};
")
