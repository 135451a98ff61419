# Third-party libraries, as targets espalier_dep::NAME. On Linux what ships in the provider and the
# command line comes from Debian's static archives, but for libcurl, which is found at run time; libgit2,
# cpp-httplib and prometheus-cpp exist (or are usable) only as shared libraries and stay so. Elsewhere
# the packages' own targets are used.

find_package(Threads REQUIRED)
find_program(ESPALIER_PROTOC protoc REQUIRED)
find_program(ESPALIER_GRPC_PLUGIN grpc_cpp_plugin REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark QUIET)
find_package(nlohmann_json REQUIRED)
find_package(CURL REQUIRED)
find_package(PkgConfig REQUIRED)

function(_espalier_dep NAME)
  add_library(espalier_dep_${NAME} INTERFACE)
  add_library(espalier_dep::${NAME} ALIAS espalier_dep_${NAME})
  target_link_libraries(espalier_dep_${NAME} INTERFACE ${ARGN})
endfunction()

# The static archives of the given names; several archives may refer to each other.
function(_espalier_archives OUT)
  set(_found)
  foreach(_name ${ARGN})
    find_library(_archive_${_name} "lib${_name}.a" REQUIRED)
    list(APPEND _found "${_archive_${_name}}")
  endforeach()
  set(${OUT} "${_found}" PARENT_SCOPE)
endfunction()

if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  _espalier_archives(_crypto ssl crypto)
  _espalier_archives(_zlib z)
  _espalier_archives(_proto protobuf)
  _espalier_archives(_grpc grpc++ grpc gpr address_sorting upb cares re2)
  _espalier_archives(_yaml yaml-cpp)
  _espalier_archives(_sqlite sqlite3)
  _espalier_archives(_lz4 lz4)
  _espalier_archives(_nghttp2 nghttp2)
  get_filename_component(_libdir "${_archive_protobuf}" DIRECTORY)
  file(GLOB _absl "${_libdir}/libabsl_*.a")

  _espalier_dep(zlib ${_zlib})
  _espalier_dep(openssl "$<LINK_GROUP:RESCAN,${_crypto}>" ${CMAKE_DL_LIBS} Threads::Threads)
  _espalier_dep(absl "$<LINK_GROUP:RESCAN,${_absl}>" Threads::Threads)
  _espalier_dep(protobuf ${_proto} espalier_dep_zlib Threads::Threads)
  _espalier_dep(grpc "$<LINK_GROUP:RESCAN,${_grpc}>" espalier_dep_absl espalier_dep_protobuf
                espalier_dep_openssl espalier_dep_zlib rt)
  _espalier_dep(yaml ${_yaml})
  _espalier_dep(lz4 ${_lz4})
  _espalier_dep(nghttp2 ${_nghttp2})
  _espalier_dep(sqlite ${_sqlite} ${CMAKE_DL_LIBS} Threads::Threads m)
else()
  find_package(Protobuf CONFIG REQUIRED)
  find_package(gRPC CONFIG REQUIRED)
  find_package(absl CONFIG REQUIRED)
  find_package(OpenSSL REQUIRED)
  find_package(ZLIB REQUIRED)
  find_package(yaml-cpp REQUIRED)
  find_package(SQLite3 REQUIRED)
  pkg_check_modules(LZ4 REQUIRED IMPORTED_TARGET liblz4)
  pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
  _espalier_dep(zlib ZLIB::ZLIB)
  _espalier_dep(openssl OpenSSL::SSL OpenSSL::Crypto)
  _espalier_dep(absl absl::status absl::statusor absl::strings absl::str_format absl::time
                absl::flat_hash_map absl::flat_hash_set absl::btree absl::any_invocable absl::span
                absl::cleanup)
  _espalier_dep(protobuf protobuf::libprotobuf)
  _espalier_dep(grpc gRPC::grpc++)
  _espalier_dep(yaml yaml-cpp)
  _espalier_dep(sqlite SQLite::SQLite3)
  _espalier_dep(lz4 PkgConfig::LZ4)
  _espalier_dep(nghttp2 PkgConfig::NGHTTP2)
endif()

_espalier_dep(json nlohmann_json::nlohmann_json)
# Its headers alone: engine/net/curl_library.h.
_espalier_dep(curl ${CMAKE_DL_LIBS})
target_include_directories(espalier_dep_curl SYSTEM INTERFACE ${CURL_INCLUDE_DIRS})

# Programs that end up on users' machines do not need these; they are looked for where they are used.
find_library(_git2 NAMES libgit2.so git2)
if(_git2)
  _espalier_dep(git2 ${_git2})
endif()
pkg_check_modules(PROMETHEUS_CPP QUIET IMPORTED_TARGET prometheus-cpp-core)
if(TARGET PkgConfig::PROMETHEUS_CPP)
  _espalier_dep(prometheus PkgConfig::PROMETHEUS_CPP)
endif()
# Its classes are laid out differently without the options that its own flags give.
pkg_check_modules(CPP_HTTPLIB QUIET IMPORTED_TARGET cpp-httplib)
if(TARGET PkgConfig::CPP_HTTPLIB)
  _espalier_dep(httplib PkgConfig::CPP_HTTPLIB Threads::Threads)
endif()
