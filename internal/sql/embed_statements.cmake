# internal/<room>/*.sql -> one C file with a string sql_<name> for each statement, without its lines
# of comment. Included, m2m_embed_statements(<room>) adds the build step and appends to
# M2M_GENERATED_<room>. Run with -P, this is that step, or prints a statement as it is embedded
# (internal/sql/show_statement).
#
# What a statement may hold besides SQL:
#
#   --: name(a, b)     at a line's end: the part of that name of parts.sql, with a and b in the
#                      place of its parameters, and as far to the right
#   --? word           lines up to `--? end` are there only in a text that has the word;
#   --? not word       only in one that hasn't
#   --? else           between the two: lines that are there only in the other texts; a part may
#                      hold such lines too, for the words of the text that takes it in
#   --! name: words    the file gives a text of that name with these words; a file without such a
#                      line gives one text of its own name, which has no words
set(M2M_EMBED_STATEMENTS "${CMAKE_CURRENT_LIST_FILE}")
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(M2M_PARTS "${CMAKE_CURRENT_LIST_DIR}/parts.sql")

  function(m2m_embed_statements room)
    file(GLOB statements CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/internal/${room}/*.sql")
    set(output "${CMAKE_BINARY_DIR}/generated/${room}_sql.c")
    add_custom_command(
      OUTPUT "${output}"
      COMMAND "${CMAKE_COMMAND}" "-DROOM=${room}" "-DFOLDER=${CMAKE_SOURCE_DIR}/internal/${room}" "-DOUTPUT=${output}" -P "${M2M_EMBED_STATEMENTS}"
      DEPENDS ${statements} "${M2M_PARTS}" "${M2M_EMBED_STATEMENTS}" "${CMAKE_SOURCE_DIR}/internal/base/embed.cmake"
      COMMENT "Embedding the statements of ${room}"
      VERBATIM)
    set(M2M_GENERATED_${room} ${M2M_GENERATED_${room}} "${output}" PARENT_SCOPE)
  endfunction()
  return()
endif()

cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../base/embed.cmake")

# cut(<head> <tail> <mark> <text>): the text before the first mark and behind it. No mark: the tail
# is NO_MARK.
function(cut head tail mark text)
  string(FIND "${text}" "${mark}" at)
  set(before "${text}")
  set(behind "NO_MARK")
  if(NOT at EQUAL -1)
    string(LENGTH "${mark}" n)
    math(EXPR from "${at} + ${n}")
    string(SUBSTRING "${text}" 0 ${at} before)
    string(SUBSTRING "${text}" ${from} -1 behind)
  endif()
  set(${head} "${before}" PARENT_SCOPE)
  set(${tail} "${behind}" PARENT_SCOPE)
endfunction()

function(without_comments out text)
  string(REGEX REPLACE "(^|\n)[ \t]*--[^\n]*" "" text "${text}")
  string(STRIP "${text}" text)
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

# split(<prefix> <text>): prefix_0.. and prefix_N, cut at the commas that stand in no parentheses.
function(split prefix text)
  set(n 0)
  set(piece "")
  while(NOT text STREQUAL "NO_MARK")
    cut(next text "," "${text}")
    string(APPEND piece "${next}")
    string(REGEX REPLACE "[^(]" "" opened "${piece}")
    string(REGEX REPLACE "[^)]" "" closed "${piece}")
    string(LENGTH "${opened}" opened)
    string(LENGTH "${closed}" closed)
    if(NOT text STREQUAL "NO_MARK" AND NOT opened EQUAL closed)
      string(APPEND piece ",")
      continue()
    endif()
    string(STRIP "${piece}" piece)
    if(NOT text STREQUAL "NO_MARK" OR NOT piece STREQUAL "")
      set(${prefix}_${n} "${piece}" PARENT_SCOPE)
      math(EXPR n "${n} + 1")
    endif()
    set(piece "")
  endwhile()
  set(${prefix}_N ${n} PARENT_SCOPE)
endfunction()

# Reads parts.sql: TEXT_<name> and PARAMETERS_<name> for each.
macro(read_parts)
  file(READ "${CMAKE_CURRENT_LIST_DIR}/parts.sql" parts_rest)
  cut(parts_head parts_rest "\n--= " "${parts_rest}")
  while(NOT parts_rest STREQUAL "NO_MARK")
    cut(parts_one parts_rest "\n--= " "${parts_rest}")
    cut(parts_use parts_text "\n" "${parts_one}")
    if(NOT parts_use MATCHES "^([a-z0-9_]+)(\\((.*)\\))?$")
      message(FATAL_ERROR "parts.sql: --= ${parts_use}")
    endif()
    set(PARAMETERS_${CMAKE_MATCH_1} "${CMAKE_MATCH_3}")
    set(parts_name "${CMAKE_MATCH_1}")
    string(REPLACE "--: " "@include " parts_text "${parts_text}")
    string(REPLACE "--? " "@when " parts_text "${parts_text}")
    without_comments(parts_text "${parts_text}")
    string(REPLACE "@when " "--? " parts_text "${parts_text}")
    string(REPLACE "@include " "--: " TEXT_${parts_name} "${parts_text}")
  endwhile()
endmacro()

# choose(<out> <text> <words>): leaves the lines that a text with these words has.
function(choose out text words)
  set(chosen "")
  while(TRUE)
    cut(before rest "--? " "${text}")
    string(APPEND chosen "${before}")
    if(rest STREQUAL "NO_MARK")
      break()
    endif()
    cut(condition rest "\n" "${rest}")
    cut(body text "--? end\n" "${rest}")
    cut(body otherwise "--? else\n" "${body}")
    if(text STREQUAL "NO_MARK" OR "${body}${otherwise}" MATCHES "--\\? ")
      message(FATAL_ERROR "--? ${condition} has no end of its own")
    endif()
    string(REGEX REPLACE "^not " "" word "${condition}")
    string(FIND " ${words} " " ${word} " has)
    if((has EQUAL -1 AND condition MATCHES "^not ") OR (NOT has EQUAL -1 AND NOT condition MATCHES "^not "))
      string(APPEND chosen "${body}")
    elseif(NOT otherwise STREQUAL "NO_MARK")
      string(APPEND chosen "${otherwise}")
    endif()
  endwhile()
  set(${out} "${chosen}" PARENT_SCOPE)
endfunction()

# fill(<out> <part> <arguments> <words>): its text with them in the place of :parameters.
function(fill out part arguments words)
  if(NOT DEFINED TEXT_${part})
    message(FATAL_ERROR "parts.sql has no ${part}")
  endif()
  split(parameter "${PARAMETERS_${part}}")
  split(argument "${arguments}")
  if(NOT parameter_N EQUAL argument_N)
    message(FATAL_ERROR "${part} takes (${PARAMETERS_${part}}), not (${arguments})")
  endif()
  choose(text "${TEXT_${part}}\n" "${words}")
  string(REPLACE "::" "@cast@" text "${text}")
  set(i 0)
  while(i LESS parameter_N)
    string(REGEX REPLACE ":${parameter_${i}}([^a-z0-9_])" "@${i}@\\1" text "${text}")
    math(EXPR i "${i} + 1")
  endwhile()
  string(REPLACE "@cast@" "::" text "${text}")
  set(i 0)
  while(i LESS parameter_N)
    string(REPLACE "@${i}@" "${argument_${i}}" text "${text}")
    math(EXPR i "${i} + 1")
  endwhile()
  string(STRIP "${text}" text)
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

# expand(<out> <text> <words>): puts parts in the place of --: lines, theirs too, as far to the
# right.
function(expand out text words)
  string(APPEND text "\n")
  while(text MATCHES "--:")
    cut(before behind "--:" "${text}")
    cut(use behind "\n" "${behind}")
    if(NOT use MATCHES "^ ([a-z0-9_]+)(\\((.*)\\))?[ \t]*$")
      message(FATAL_ERROR "not understood: --:${use}")
    endif()
    fill(part "${CMAKE_MATCH_1}" "${CMAKE_MATCH_3}" "${words}")
    if(before MATCHES "\n([ \t]+)$")
      string(REPLACE "\n" "\n${CMAKE_MATCH_1}" part "${part}")
    endif()
    set(text "${before}${part}\n${behind}")
  endwhile()
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

# texts(<path>): TEXTS_N, NAME_0.. and STATEMENT_0.. of a file.
function(texts path)
  get_filename_component(name "${path}" NAME_WE)
  file(READ "${path}" file)
  string(REGEX MATCHALL "--! [a-z0-9_]+:[^\n]*" variants "${file}")
  if(variants STREQUAL "")
    set(variants "--! ${name}:")
  endif()
  set(n 0)
  foreach(variant IN LISTS variants)
    string(REGEX MATCH "^--! ([a-z0-9_]+):(.*)$" ignored "${variant}")
    set(NAME_${n} "${CMAKE_MATCH_1}" PARENT_SCOPE)
    string(STRIP "${CMAKE_MATCH_2}" words)
    choose(text "${file}" "${words}")
    expand(text "${text}" "${words}")
    without_comments(text "${text}")
    set(STATEMENT_${n} "${text}" PARENT_SCOPE)
    math(EXPR n "${n} + 1")
  endforeach()
  set(TEXTS_N ${n} PARENT_SCOPE)
endfunction()

read_parts()

# ---- -DSHOW=<path>: prints its texts ----
if(SHOW)
  texts("${SHOW}")
  set(i 0)
  while(i LESS TEXTS_N)
    execute_process(COMMAND "${CMAKE_COMMAND}" -E echo "-- ${NAME_${i}}\n${STATEMENT_${i}}\n;")
    math(EXPR i "${i} + 1")
  endwhile()
  return()
endif()

# ---- -DROOM, -DFOLDER, -DOUTPUT: the texts of a room as C ----
file(GLOB statements "${FOLDER}/*.sql")
list(SORT statements)
set(c "")
foreach(path IN LISTS statements)
  get_filename_component(name "${path}" NAME)
  if(name STREQUAL "parts.sql")
    continue()
  endif()
  texts("${path}")
  set(i 0)
  while(i LESS TEXTS_N)
    c_text(statement "${STATEMENT_${i}}")
    string(APPEND c "const char sql_${NAME_${i}}[] =\n${statement};\n")
    math(EXPR i "${i} + 1")
  endwhile()
endforeach()

file(WRITE "${OUTPUT}" "/* Made from the .sql files of internal/${ROOM} by internal/sql/embed_statements.cmake. */
#include \"${ROOM}/${ROOM}_sql.h\"

${c}")
