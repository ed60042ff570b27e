# Installs a build tree, stripped, into a fresh folder; then configures, builds and runs a program
# that finds the library there. Also holds the library to its size.
set(work ${FOVEA_BINARY_DIR}/install_test)
file(REMOVE_RECURSE ${work})

function(must)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "`${command}` gave ${result}:\n${output}")
  endif()
endfunction()

must(${CMAKE_COMMAND} --install ${FOVEA_BINARY_DIR} --config ${CONFIG} --strip --prefix ${work}/prefix)
must(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${work}/build -D CMAKE_BUILD_TYPE=${CONFIG}
  -D CMAKE_CXX_COMPILER=${CXX} -D CMAKE_PREFIX_PATH=${work}/prefix)
must(${CMAKE_COMMAND} --build ${work}/build)
must(${work}/build/consumer)

set(libdir ${work}/prefix/${LIBDIR})
foreach(plugin ONEDNN PNG JPEG)
  string(TOLOWER ${plugin} name)
  if(${plugin} AND NOT EXISTS ${libdir}/libfovea_${name}.so)
    message(FATAL_ERROR "libfovea_${name}.so was not installed beside the library, in ${libdir}")
  endif()
endforeach()
file(REAL_PATH ${libdir}/libfovea.so library)
file(SIZE ${library} bytes)
message("libfovea.so, stripped: ${bytes} bytes")
set(limit 5000000)
if(CUDA)  # and CUDA's runtime with what binds to it, and the kernels for each architecture
  execute_process(COMMAND size -A ${library} OUTPUT_VARIABLE sections COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCH "\\.nv_fatbin +([0-9]+)" found "${sections}")
  math(EXPR limit "${limit} + 2500000 + ${CMAKE_MATCH_1}")
endif()
if(bytes GREATER limit)
  message(FATAL_ERROR "libfovea.so is ${bytes} bytes, stripped; it must stay under ${limit}")
endif()
