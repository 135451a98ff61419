# The three functions through which every target of this repository is made, so that compiler flags,
# include roots and the declared dependencies are the same everywhere.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

option(ESPALIER_STATIC "Link provider and CLI statically but for libc" ON)
set(ESPALIER_SANITIZE "" CACHE STRING "Value for -fsanitize=, or empty")
option(ESPALIER_FUZZ "Build fuzz targets with libFuzzer (clang)" OFF)
option(ESPALIER_PCH "Parse the headers that most sources include only once" OFF)
option(ESPALIER_NO_GRPC_TESTS "Register only the tests that never enter gRPC (for tsan)" OFF)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # One cache for every clone below the same parent: paths are hashed relative to it.
  cmake_path(GET CMAKE_SOURCE_DIR PARENT_PATH _parent)
  set(_sloppiness time_macros)
  if(ESPALIER_PCH)
    string(APPEND _sloppiness ",pch_defines,include_file_mtime,include_file_ctime")
  endif()
  set(_launcher "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${_parent}" CCACHE_NOHASHDIR=1
      "CCACHE_SLOPPINESS=${_sloppiness}" "${CCACHE_PROGRAM}")
  set(CMAKE_CXX_COMPILER_LAUNCHER ${_launcher})
  set(CMAKE_C_COMPILER_LAUNCHER ${_launcher})
endif()

add_library(espalier_flags INTERFACE)
target_include_directories(espalier_flags INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(espalier_flags INTERFACE -Wall -Wextra -Wswitch -Werror
  -Wno-unused-parameter -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # libstdc++ 12 has deprecated what its own stable_sort uses, and clang says so at each use.
  target_compile_options(espalier_flags INTERFACE -Wthread-safety -Wno-deprecated-declarations)
endif()
if(ESPALIER_SANITIZE)
  add_compile_options("-fsanitize=${ESPALIER_SANITIZE}" -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options("-fsanitize=${ESPALIER_SANITIZE}")
endif()
if(ESPALIER_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  # Shared libraries (curl, httplib) bring an OpenSSL of their own. Exported, the symbols of our static
  # one would be bound by theirs, function by function, and objects of two copies mixed.
  add_link_options(-Wl,--exclude-libs,libssl.a -Wl,--exclude-libs,libcrypto.a)
endif()

include(dependencies)

# espalier_precompile()
# Makes what ESPALIER_PCH asks for: two owners, since tests are compiled with other flags.
# REQUIRES: espalier::schemas exists.
function(espalier_precompile)
  if(NOT ESPALIER_PCH)
    return()
  endif()
  add_library(espalier_pch OBJECT "${CMAKE_SOURCE_DIR}/cmake/precompiled.cc")
  target_link_libraries(espalier_pch PRIVATE espalier_flags espalier::schemas espalier_dep::absl)
  target_precompile_headers(espalier_pch PRIVATE "${CMAKE_SOURCE_DIR}/cmake/precompiled.h")
  add_library(espalier_test_pch OBJECT "${CMAKE_SOURCE_DIR}/cmake/precompiled.cc")
  target_link_libraries(espalier_test_pch PRIVATE espalier_flags espalier::schemas espalier_dep::absl GTest::gmock)
  target_compile_options(espalier_test_pch PRIVATE -O0)
  target_precompile_headers(espalier_test_pch PRIVATE "${CMAKE_SOURCE_DIR}/cmake/precompiled_test.h")
endfunction()

# _espalier_reuse(TARGET OWNER)
function(_espalier_reuse TARGET OWNER)
  if(TARGET ${OWNER})
    target_precompile_headers(${TARGET} REUSE_FROM ${OWNER})
  endif()
endfunction()

# espalier_library(NAME SRCS... DEPS... PRIVATE_DEPS...)
# A folder's target, espalier::NAME. DEPS appear in its headers, PRIVATE_DEPS only in its .cc files;
# both are written out in full: nothing is inherited by luck.
function(espalier_library NAME)
  cmake_parse_arguments(ARG "" "" "SRCS;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(espalier_${NAME} STATIC ${ARG_SRCS})
  add_library(espalier::${NAME} ALIAS espalier_${NAME})
  target_link_libraries(espalier_${NAME} PUBLIC espalier_flags ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
  _espalier_reuse(espalier_${NAME} espalier_pch)
endfunction()

# espalier_binary(NAME SRCS... DEPS... [STATIC])
# A program in bin/. STATIC: everything but libc is linked statically (see ESPALIER_STATIC).
function(espalier_binary NAME)
  cmake_parse_arguments(ARG "STATIC" "" "SRCS;DEPS" ${ARGN})
  add_executable(${NAME} ${ARG_SRCS})
  target_link_libraries(${NAME} PRIVATE espalier_flags ${ARG_DEPS})
  if(ARG_STATIC AND ESPALIER_STATIC AND NOT ESPALIER_SANITIZE AND NOT APPLE)
    target_link_options(${NAME} PRIVATE -static-libgcc -static-libstdc++ -no-pie)
  endif()
endfunction()

# Builds the test programs that never enter gRPC: all that the thread sanitizer is wanted for.
add_custom_target(nogrpc_tests)

# espalier_test(NAME SRCS... DEPS... [LABELS...] [GRPC] [TIMEOUT seconds])
# One test program per folder. GRPC: the program enters gRPC, so thread sanitizer runs leave it out.
function(espalier_test NAME)
  cmake_parse_arguments(ARG "GRPC" "TIMEOUT" "SRCS;DEPS;LABELS;ARGS" ${ARGN})
  if(ARG_GRPC AND ESPALIER_NO_GRPC_TESTS)
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${NAME} ${ARG_SRCS})
  target_link_libraries(${NAME} PRIVATE espalier_flags ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  # Tests are compiled for compile speed; what they test is compiled as it ships.
  target_compile_options(${NAME} PRIVATE -O0)
  _espalier_reuse(${NAME} espalier_test_pch)
  add_test(NAME ${NAME} COMMAND ${NAME} ${ARG_ARGS} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  if(NOT ARG_GRPC)
    list(APPEND ARG_LABELS nogrpc)
    add_dependencies(nogrpc_tests ${NAME})
  endif()
  set_tests_properties(${NAME} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()
