# internal/<room>/*.sql -> one C file with a string sql_<name> for each, without its lines of
# comment. Included, m2m_embed_statements(<room>) adds the build step and sets M2M_GENERATED_<room>;
# run with -P, this is that step.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(M2M_EMBED_STATEMENTS "${CMAKE_CURRENT_LIST_FILE}")
  function(m2m_embed_statements room)
    file(GLOB statements CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/internal/${room}/*.sql")
    set(output "${CMAKE_BINARY_DIR}/generated/${room}_sql.c")
    add_custom_command(
      OUTPUT "${output}"
      COMMAND "${CMAKE_COMMAND}" "-DROOM=${room}" "-DFOLDER=${CMAKE_SOURCE_DIR}/internal/${room}" "-DOUTPUT=${output}" -P "${M2M_EMBED_STATEMENTS}"
      DEPENDS ${statements} "${M2M_EMBED_STATEMENTS}"
      COMMENT "Embedding the statements of ${room}"
      VERBATIM)
    set(M2M_GENERATED_${room} "${output}" PARENT_SCOPE)
  endfunction()
  return()
endif()

include("${CMAKE_CURRENT_LIST_DIR}/../base/hex_bytes.cmake")

file(GLOB statements "${FOLDER}/*.sql")
list(SORT statements)
set(texts "")
foreach(path IN LISTS statements)
  get_filename_component(name "${path}" NAME_WE)
  file(READ "${path}" text)
  string(REGEX REPLACE "(^|\n)--[^\n]*" "" text "${text}")
  string(STRIP "${text}" text)
  string(HEX "${text}" hex)
  hex_bytes(bytes "${hex}")
  string(APPEND texts "const char sql_${name}[] = {\n${bytes}0};\n")
endforeach()

file(WRITE "${OUTPUT}" "/* Made from the .sql files of internal/${ROOM} by internal/sql/embed_statements.cmake. */
#include \"${ROOM}/${ROOM}_sql.h\"

${texts}")
