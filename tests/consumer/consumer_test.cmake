# Installs a build tree, stripped, into a fresh folder and moves it elsewhere; then configures,
# builds and runs the project beside this file, which finds the library there in both ways. Also
# holds the library to its size and to what loading it costs.
cmake_minimum_required(VERSION 3.22)
set(work ${FOVEA_BINARY_DIR}/consumer_test)
file(REMOVE_RECURSE ${work})

function(must)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "`${command}` gave ${result}:\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

must(${CMAKE_COMMAND} --install ${FOVEA_BINARY_DIR} --config ${CONFIG} --strip
  --prefix ${work}/first_prefix)
set(prefix "${work}/moved prefix")
file(RENAME ${work}/first_prefix ${prefix})
set(libdir ${prefix}/${LIBDIR})

# By find_package, with every plug-in that was built as a component.
set(components ${PLUGINS} report)
if(CUDA)
  list(APPEND components cuda)
endif()
must(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${work}/build -D CMAKE_BUILD_TYPE=${CONFIG}
  -D CMAKE_CXX_COMPILER=${CXX} -D CMAKE_PREFIX_PATH=${prefix} "-DCOMPONENTS=${components}"
  -D CUDA_COMPILER=${CUDA_COMPILER})
must(${CMAKE_COMMAND} --build ${work}/build)
foreach(program in_cpp in_c with_reports)
  must(${CMAKE_COMMAND} -E chdir ${work} ${work}/build/${program})
  message("find_package, ${program}: ${output}")
endforeach()

# The command finds its libraries, too.
if(EXISTS ${prefix}/bin/fovea)
  must(${prefix}/bin/fovea summary iris_small)
endif()

# A component that is not there stops the configuration, by name.
execute_process(COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${work}/build_missing
  -D CMAKE_PREFIX_PATH=${prefix} -D COMPONENTS=no_such_plugin
  RESULT_VARIABLE result OUTPUT_QUIET ERROR_VARIABLE output)
if(result EQUAL 0 OR NOT output MATCHES "without 'no_such_plugin'")
  message(FATAL_ERROR "a missing component was not reported: ${result}\n${output}")
endif()

# By pkg-config.
find_program(PKG_CONFIG pkg-config)
if(PKG_CONFIG)
  must(${CMAKE_COMMAND} -E env PKG_CONFIG_PATH=${libdir}/pkgconfig
    ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${work}/build_pc -D CMAKE_BUILD_TYPE=${CONFIG}
    -D CMAKE_CXX_COMPILER=${CXX} -D BY_PKG_CONFIG=ON)
  must(${CMAKE_COMMAND} --build ${work}/build_pc)
  foreach(program in_cpp in_c with_reports)
    must(${CMAKE_COMMAND} -E env "LD_LIBRARY_PATH=${libdir}"
      ${CMAKE_COMMAND} -E chdir ${work} ${work}/build_pc/${program})
    message("pkg-config, ${program}: ${output}")
  endforeach()
else()
  message("NOT TESTED: pkg-config is not installed (apt-get install pkg-config)")
endif()

# From the Debian packages, unpacked: the core's name, and each plug-in's, which depends on it.
find_program(DPKG_DEB dpkg-deb)
find_program(DPKG_SHLIBDEPS dpkg-shlibdeps)
find_program(FILE_COMMAND file)
if(DPKG_DEB AND DPKG_SHLIBDEPS AND FILE_COMMAND)
  must(${CPACK} --config ${FOVEA_BINARY_DIR}/CPackConfig.cmake -G DEB -C ${CONFIG} -B ${work}/packages)
  file(GLOB packages ${work}/packages/*.deb)
  set(names "")
  foreach(package ${packages})
    must(${DPKG_DEB} --field ${package} Package)
    string(STRIP "${output}" name)
    list(APPEND names ${name})
    must(${DPKG_DEB} --field ${package} Depends)
    if(NOT name STREQUAL "fovea" AND NOT output MATCHES "fovea \\(= [0-9.]+\\)")
      message(FATAL_ERROR "the package ${name} does not depend on its fovea: ${output}")
    endif()
    must(${DPKG_DEB} --extract ${package} ${work}/unpacked)
  endforeach()
  list(TRANSFORM PLUGINS PREPEND "fovea-" OUTPUT_VARIABLE expected)
  foreach(name fovea fovea-report ${expected})
    if(NOT name IN_LIST names)
      message(FATAL_ERROR "cpack made no package ${name}, but ${names}")
    endif()
  endforeach()
  file(GLOB_RECURSE library LIST_DIRECTORIES FALSE ${work}/unpacked/*/libfovea.so)
  get_filename_component(unpacked_libdir ${library} DIRECTORY)
  file(RENAME ${prefix} ${work}/away)  # so that nothing is taken from there
  must(${CMAKE_COMMAND} -E env "LD_LIBRARY_PATH=${unpacked_libdir}"
    ${CMAKE_COMMAND} -E chdir ${work} ${work}/build/in_cpp)
  message("packages ${names}: ${output}")
  file(RENAME ${work}/away ${prefix})
else()
  message("NOT TESTED: Debian packages need dpkg-deb, dpkg-shlibdeps (dpkg-dev) and file")
endif()

foreach(plugin ${PLUGINS})
  if(NOT EXISTS ${libdir}/libfovea_${plugin}.so)
    message(FATAL_ERROR "libfovea_${plugin}.so was not installed beside the library, in ${libdir}")
  endif()
endforeach()

# A process that loads the library and does not use it pays no thread, and no allocation but those by
# which CUDA's runtime registers the kernels. (The library of the build tree has names.)
must(${work}/build/import_cost ${FOVEA_BINARY_DIR}/lib/libfovea.so)
if(NOT output MATCHES "([0-9.]+ ms), 1 threads")
  message(FATAL_ERROR "loading the library starts threads: ${output}")
endif()
message("loading the library: ${CMAKE_MATCH_1}")
string(REGEX MATCHALL "0x[0-9a-f]+" places "${output}")
list(REMOVE_DUPLICATES places)
if(places)
  must(addr2line -f -C -e ${FOVEA_BINARY_DIR}/lib/libfovea.so ${places})
  string(REGEX REPLACE "\n[^\n]*:[^\n:]*(\n|$)" ";" functions "${output}")
  foreach(function ${functions})
    if(NOT function MATCHES "^libcudart_static")
      message(FATAL_ERROR "loading the library allocates memory in ${function}")
    endif()
  endforeach()
endif()

file(REAL_PATH ${libdir}/libfovea.so library)
file(SIZE ${library} bytes)
message("libfovea.so, stripped: ${bytes} bytes")
file(REAL_PATH ${libdir}/libfovea_report.so report_library)
file(SIZE ${report_library} report_bytes)
message("libfovea_report.so, stripped: ${report_bytes} bytes")
set(limit 5000000)
if(CUDA)  # and CUDA's runtime with what binds to it, Thrust's host code, and the kernels
  execute_process(COMMAND size -A ${library} OUTPUT_VARIABLE sections COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCH "\\.nv_fatbin +([0-9]+)" found "${sections}")
  math(EXPR limit "${limit} + 2700000 + ${CMAKE_MATCH_1}")
endif()
if(bytes GREATER limit)
  message(FATAL_ERROR "libfovea.so is ${bytes} bytes, stripped; it must stay under ${limit}")
endif()
