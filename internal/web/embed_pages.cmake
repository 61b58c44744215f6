# internal/web/pages and the packages of packages.lock -> one C file: each asset as it stands and
# gzipped, with a name that its content decides. Included, it adds the build steps; run with -P, it
# makes the file.
#
# An asset imports another as "./NAME.js", which becomes that one's name. So an asset stands in the
# list behind those that it imports.
#
# A page's script imports at its end what else it needs, however far away: the browser then asks for
# all modules at once, and not for those of each level when it has read the level above. The HTML
# doesn't name them: what it names is fetched and read beside the style sheet, and puts the first
# paint off.
if(CMAKE_SCRIPT_MODE_FILE)
  cmake_minimum_required(VERSION 3.25)
  include("${CMAKE_CURRENT_LIST_DIR}/../base/embed.cmake")
  set(own "${CMAKE_CURRENT_LIST_DIR}/pages")

  # zopfli makes gzip's form some percent smaller.
  find_program(zopfli zopfli)
  set(gzip gzip -9nc)
  if(zopfli)
    set(gzip "${zopfli}" -c)
  endif()

  set(pages portal.js docs.js console.js)

  # pages_asset(<name> <file>)
  function(pages_asset name file)
    file(READ "${file}" text)
    # comments and needless spaces are for those who read the sources
    string(REGEX REPLACE "\n *//[^\n]*" "" text "\n${text}")
    if(file MATCHES "^${own}/")
      string(REGEX REPLACE "\n */\\*[^\n]*\\*/" "" text "${text}")
      string(REGEX REPLACE "\n[ \n]+" "\n" text "${text}")
      string(REGEX REPLACE "\nimport {([^}]*)} from " "\nimport{\\1}from" text "${text}")
      string(REGEX REPLACE "(\n(export )?(const|let) [^=\n]+) = " "\\1=" text "${text}")
      if(name MATCHES "\\.css$")
        string(REGEX REPLACE " *([{}:;,]) +" "\\1" text "${text}")
        string(REPLACE " {" "{" text "${text}")
      endif()
    endif()
    string(STRIP "${text}" text)
    string(APPEND text "\n")
    string(REPLACE "from\"preact\"" "from\"./preact.js\"" text "${text}")
    set(direct "")
    set(needs "")
    foreach(other IN LISTS known)
      if(text MATCHES "from ?\"\\./${other}\"")
        list(APPEND direct "${other}")
        list(APPEND needs ${needs_of_${other}} "${other}")
      endif()
    endforeach()
    list(REMOVE_DUPLICATES needs)
    set(needs_of_${name} ${needs} PARENT_SCOPE)
    if(name IN_LIST pages)
      list(REMOVE_ITEM needs ${direct})
      foreach(other IN LISTS needs)
        string(APPEND text "import\"./${other}\";")
      endforeach()
    endif()
    foreach(other IN LISTS known)
      string(REPLACE "\"./${other}\"" "\"./${name_of_${other}}\"" text "${text}")
    endforeach()
    string(SHA256 hash "${text}")
    string(SUBSTRING "${hash}" 0 16 hash)
    # Names stand in each asset that imports them, and a hash can't be compressed: they have half.
    string(SUBSTRING "${hash}" 0 8 short)
    string(REGEX REPLACE "^(.*)\\.([a-z]+)$" "\\1-${short}.\\2" hashed "${name}")
    set(scratch "${OUTPUT}.${name}")
    file(WRITE "${scratch}" "${text}")
    execute_process(COMMAND ${gzip} "${scratch}" OUTPUT_FILE "${scratch}.gz" COMMAND_ERROR_IS_FATAL ANY)
    file(READ "${scratch}.gz" gzip_hex HEX)
    file(REMOVE "${scratch}" "${scratch}.gz")
    c_text(plain "${text}")
    hex_bytes(gzip_bytes "${gzip_hex}")
    list(LENGTH known i)
    set(texts "${texts}static const char plain_${i}[] =\n${plain};\nstatic const unsigned char gzip_${i}[] = {\n${gzip_bytes}};\n" PARENT_SCOPE)
    set(rows "${rows}\t{\"${name}\", \"${hashed}\", \"\\\"${hash}\\\"\", \"\\\"${hash}-gz\\\"\", {plain_${i}, sizeof plain_${i} - 1}, {(const char *)gzip_${i}, sizeof gzip_${i}}},\n" PARENT_SCOPE)
    set(name_of_${name} "${hashed}" PARENT_SCOPE)
    set(known ${known} "${name}" PARENT_SCOPE)
  endfunction()

  set(known "")
  if(PACKAGES)
    pages_asset(preact.js "${PACKAGES}/preact/dist/preact.mjs")
    pages_asset(hooks.js "${PACKAGES}/preact/hooks/dist/hooks.mjs")
    pages_asset(htm.js "${PACKAGES}/htm/dist/htm.module.js")
    foreach(name IN LISTS NAMES)
      pages_asset(${name} "${own}/${name}")
    endforeach()
    file(READ "${PACKAGES}/preact/LICENSE" preact)
    file(READ "${PACKAGES}/htm/LICENSE" htm)
    file(WRITE "${OUTPUT}.licences" "preact\n\n${preact}\n\nhtm\n\n${htm}")
    pages_asset(licences.txt "${OUTPUT}.licences")
    file(REMOVE "${OUTPUT}.licences")
  endif()
  list(LENGTH known n)
  file(WRITE "${OUTPUT}" "/* Made from internal/web/pages by internal/web/embed_pages.cmake. */
#include \"web/assets.h\"

${texts}
const struct web_asset web_assets[] = {
${rows}\t{NULL, NULL, NULL, NULL, {NULL, 0}, {NULL, 0}}};
const unsigned web_assets_n = ${n};
")
  return()
endif()

# Beside the presets' folders, so that they share it.
get_filename_component(pages_packages "${CMAKE_BINARY_DIR}/../pages-packages" ABSOLUTE)
set(PAGES_PACKAGES "${pages_packages}" CACHE PATH "where the packages of internal/web/packages.lock are kept")
execute_process(
  COMMAND "${CMAKE_SOURCE_DIR}/deploy/fetch_pages" "${PAGES_PACKAGES}"
  RESULT_VARIABLE pages_missing
  ERROR_VARIABLE pages_why
  ERROR_STRIP_TRAILING_WHITESPACE)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/packages.lock")
set(pages_from "${PAGES_PACKAGES}")
if(pages_missing)
  execute_process(COMMAND "${CMAKE_COMMAND}" -E echo "building without the pages: ${pages_why}")
  set(pages_from "")
endif()

set(pages_names code.js texts.js base.js parts.js icon.svg chart.js secret.js rotate.js credentials.js clients.js sums.js tokens.js acts.js session.js portal.js operators.js lists.js audit.js organizations.js signing.js console.js snippets.js try.js docs.js pages.css)
set(M2M_GENERATED_web "${CMAKE_BINARY_DIR}/generated/assets.c")
file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/generated")
file(GLOB pages_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/pages/*")
add_custom_command(
  OUTPUT "${M2M_GENERATED_web}"
  COMMAND "${CMAKE_COMMAND}" "-DPACKAGES=${pages_from}" "-DNAMES=${pages_names}" "-DOUTPUT=${M2M_GENERATED_web}" -P "${CMAKE_CURRENT_LIST_FILE}"
  DEPENDS ${pages_sources} "${CMAKE_CURRENT_LIST_DIR}/packages.lock" "${CMAKE_CURRENT_LIST_FILE}" "${CMAKE_SOURCE_DIR}/internal/base/embed.cmake"
  COMMENT "Embedding the pages"
  VERBATIM)
