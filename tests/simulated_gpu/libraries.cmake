# libcudnn.so.9 and libcublasLt.so.13 without a GPU, in ${PROJECT_BINARY_DIR}/simulated. Where there
# is no target cudart_simulated, a stand-in runs their work at once.
if(NOT TARGET cudart_simulated)
  add_library(cudart_simulated SHARED ${CMAKE_CURRENT_LIST_DIR}/stand_in_runtime.cpp)
  fovea_compiler_options(cudart_simulated)
  target_include_directories(cudart_simulated PRIVATE ${PROJECT_SOURCE_DIR})
  target_include_directories(cudart_simulated SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
endif()

foreach(library cudnn cublaslt)
  string(TOUPPER ${library} name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/${library}/*.cpp)
  add_library(simulated_${library} SHARED ${sources})
  fovea_compiler_options(simulated_${library})
  target_include_directories(simulated_${library} PRIVATE
    ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
  target_include_directories(simulated_${library} SYSTEM PRIVATE
    ${CUDAToolkit_INCLUDE_DIRS} ${${name}_INCLUDE_DIR})
  target_link_libraries(simulated_${library} PRIVATE cudart_simulated)
  set_target_properties(simulated_${library} PROPERTIES PREFIX "" SUFFIX ""
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/simulated)
endforeach()
set_target_properties(simulated_cudnn PROPERTIES OUTPUT_NAME libcudnn.so.9)
set_target_properties(simulated_cublaslt PROPERTIES OUTPUT_NAME libcublasLt.so.13)

# Tests of the two, through the CUDA device's bindings and those of our kernels that work beside the
# libraries, compiled for the host as in tests/host_kernels.
set(kernels_beside ${PROJECT_SOURCE_DIR}/kernels/bias.cu ${PROJECT_SOURCE_DIR}/kernels/batch_norm.cu)
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*_test.cpp)
add_executable(test_simulated_libraries ${sources} ${kernels_beside}
  ${CMAKE_CURRENT_LIST_DIR}/on_device.cpp ${PROJECT_SOURCE_DIR}/tests/host_kernels/cuda_on_host.cpp
  ${PROJECT_SOURCE_DIR}/cuda/bind.cpp ${PROJECT_SOURCE_DIR}/cuda/check.cpp
  ${PROJECT_SOURCE_DIR}/cuda/shared_library.cpp)
fovea_use_cuda_libraries(test_simulated_libraries)
set_source_files_properties(${kernels_beside} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++")
fovea_compiler_options(test_simulated_libraries)
if(NOT FOVEA_SANITIZE)
  fovea_sanitize(test_simulated_libraries)
endif()
target_compile_definitions(test_simulated_libraries PRIVATE
  FOVEA_KERNELS_ON_HOST FOVEA_SIMULATED_FOLDER="${PROJECT_BINARY_DIR}/simulated")
target_compile_options(test_simulated_libraries PRIVATE
  -O1 -g1 -Wno-unknown-pragmas -Wno-attributes
  "SHELL:-include ${PROJECT_SOURCE_DIR}/tests/host_kernels/cuda_on_host.h")
target_include_directories(test_simulated_libraries SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
target_link_libraries(test_simulated_libraries PRIVATE
  fovea_test_support cudart_simulated ${CMAKE_DL_LIBS})
add_dependencies(test_simulated_libraries simulated_cudnn simulated_cublaslt)
fovea_needs_plugins(test_simulated_libraries)
gtest_discover_tests(test_simulated_libraries
  PROPERTIES LABELS simulated_gpu TIMEOUT 600 ENVIRONMENT ASAN_OPTIONS=intercept_tls_get_addr=0
  DISCOVERY_TIMEOUT 60)
