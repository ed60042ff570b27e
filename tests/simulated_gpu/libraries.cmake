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
