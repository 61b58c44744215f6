# Intel's libcrypto_mb, which makes eight signatures at once: in CRYPTO_MB, where
# deploy/fetch_crypto_mb puts it, else in the system. A build without it says so and goes on.
#
# CRYPTO_MB=OFF leaves it out.
set(CRYPTO_MB "" CACHE PATH "where libcrypto_mb is kept; OFF builds without it")
set(crypto_mb_folders "${CRYPTO_MB}")
if(CRYPTO_MB STREQUAL "")
  set(crypto_mb_folders "${CMAKE_BINARY_DIR}/../crypto_mb" "${CMAKE_SOURCE_DIR}/build/crypto_mb" /usr/local /usr)
endif()
set(CRYPTO_MB_INCLUDE "")
set(crypto_mb_version "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  find_library(CRYPTO_MB_LIBRARY libcrypto_mb.a PATHS ${crypto_mb_folders} PATH_SUFFIXES lib NO_DEFAULT_PATH NO_CACHE)
endif()
if(CRYPTO_MB_LIBRARY) # its headers lie beside it, and are new enough to name what is used
  get_filename_component(CRYPTO_MB_INCLUDE "${CRYPTO_MB_LIBRARY}/../../include" ABSOLUTE)
  if(EXISTS "${CRYPTO_MB_INCLUDE}/crypto_mb/version.h")
    file(STRINGS "${CRYPTO_MB_INCLUDE}/crypto_mb/version.h" crypto_mb_version REGEX "define +MBX_VER_(MAJOR|MINOR)")
    string(REGEX REPLACE "[^0-9;]" "" crypto_mb_version "${crypto_mb_version}")
    string(REPLACE ";" "." crypto_mb_version "${crypto_mb_version}")
  endif()
endif()
if(crypto_mb_version VERSION_GREATER_EQUAL 2.3)
  get_filename_component(CRYPTO_MB_LIBRARY "${CRYPTO_MB_LIBRARY}" REALPATH)
  get_filename_component(CRYPTO_MB_INCLUDE "${CRYPTO_MB_INCLUDE}" REALPATH)
  set(M2M_LEFT_OUT_crypto "${CMAKE_SOURCE_DIR}/internal/crypto/multi_buffer_none.c")
  set_source_files_properties("${CMAKE_SOURCE_DIR}/internal/crypto/multi_buffer.c" PROPERTIES
    COMPILE_OPTIONS "-isystem${CRYPTO_MB_INCLUDE};-ffile-prefix-map=${CRYPTO_MB_INCLUDE}=crypto_mb")
else()
  set(CRYPTO_MB_LIBRARY "")
  set(M2M_LEFT_OUT_crypto "${CMAKE_SOURCE_DIR}/internal/crypto/multi_buffer.c")
  execute_process(COMMAND "${CMAKE_COMMAND}" -E echo "building without libcrypto_mb: deploy/fetch_crypto_mb brings it")
endif()
