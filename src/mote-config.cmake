# find_package(mote): the targets mote::mote, the library, and mote::plugin, what a plugin is built with.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(ZLIB)
find_dependency(PkgConfig)
pkg_check_modules(OPENBLAS REQUIRED IMPORTED_TARGET openblas)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson)
include(${CMAKE_CURRENT_LIST_DIR}/mote-targets.cmake)
