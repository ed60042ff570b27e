# The CUDA device. Sets FOVEA_HAS_CUDA, and brings CUDA::cudart_static where it is on,
# or, where FOVEA_SIMULATED_GPU is set, tests/simulated_gpu in its place.
set(FOVEA_CUDA AUTO CACHE STRING "Build the CUDA device: AUTO (where nvcc is found), ON, OFF, or \
SIMULATED, on the host")
set_property(CACHE FOVEA_CUDA PROPERTY STRINGS AUTO ON OFF SIMULATED)
set(FOVEA_CUDA_ARCHITECTURES "" CACHE STRING
  "Architectures to compile for, such as 80;90a, or all; empty: this machine's GPUs")
set(all_architectures 75-real 80-real 86-real 89-real 90a-real 100-real 120-real 120-virtual)
# What is compiled where there is no GPU to ask: the oldest and one of the newest.
set(unasked_architectures 75-real 90a-real)

set(FOVEA_HAS_CUDA OFF)
set(FOVEA_SIMULATED_GPU OFF)
if(FOVEA_CUDA STREQUAL "SIMULATED")
  find_package(CUDAToolkit 12.0 QUIET)
  if(NOT CUDAToolkit_FOUND)
    message(FATAL_ERROR "FOVEA_CUDA is SIMULATED, but there is no CUDA toolkit 12.0 or newer, whose "
                        "headers that needs. Install it, or configure with -D FOVEA_CUDA=OFF.")
  endif()
  set(FOVEA_HAS_CUDA ON)
  set(FOVEA_SIMULATED_GPU ON)
  set(FOVEA_SIMULATED_LIBRARIES ${PROJECT_BINARY_DIR}/simulated)  # cuDNN's and cuBLASLt's folder
elseif(FOVEA_CUDA)
  include(CheckLanguage)
  if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX} AND EXISTS /usr/local/cuda/bin/nvcc)
    set(ENV{CUDACXX} /usr/local/cuda/bin/nvcc)  # where NVIDIA's installer puts it, often not in PATH
  endif()
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    if(NOT CMAKE_CUDA_COMPILER_LAUNCHER AND FOVEA_CCACHE)
      set(CMAKE_CUDA_COMPILER_LAUNCHER ${FOVEA_CCACHE})
    endif()
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES OFF)  # each target says its own
    endif()
    enable_language(CUDA)
    # CMake before 3.26 does not know that nvcc speaks C++20.
    if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
      set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
      set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
    endif()
    find_package(CUDAToolkit 12.0 QUIET)
  endif()
  if(CUDAToolkit_FOUND AND TARGET CUDA::cudart_static)
    set(FOVEA_HAS_CUDA ON)
  elseif(NOT FOVEA_CUDA STREQUAL "AUTO")
    message(FATAL_ERROR "FOVEA_CUDA is ${FOVEA_CUDA}, but there is no CUDA toolkit 12.0 or newer. "
                        "Install it, put nvcc into PATH or set CUDACXX, or configure with "
                        "-D FOVEA_CUDA=OFF.")
  endif()
endif()

# NVIDIA's libraries are opened at run time; to use one, the build needs its headers.
if(FOVEA_HAS_CUDA)
  find_path(CUDNN_INCLUDE_DIR cudnn_backend.h
    HINTS ${CUDAToolkit_INCLUDE_DIRS} ENV FOVEA_CUDNN
    PATH_SUFFIXES include ../include nvidia/cudnn/include)
  find_path(CUBLASLT_INCLUDE_DIR cublasLt.h
    HINTS ${CUDAToolkit_INCLUDE_DIRS} ENV FOVEA_CUBLASLT
    PATH_SUFFIXES include ../include nvidia/cu13/include nvidia/cublas/include)
  foreach(library CUDNN CUBLASLT)
    if(${library}_INCLUDE_DIR)
      set(FOVEA_HAS_${library} ON)
    else()
      set(FOVEA_HAS_${library} OFF)
      if(FOVEA_SIMULATED_GPU)
        message(FATAL_ERROR "FOVEA_CUDA is SIMULATED, but there are no headers of ${library}. Install "
                            "them, or set ${library}_INCLUDE_DIR, and configure again.")
      endif()
      message(NOTICE "${library} will not be used: its headers were not found. Install them, or set "
                     "${library}_INCLUDE_DIR, and configure again.")
    endif()
  endforeach()
endif()

# Adds to a target what cuda/ has on those of NVIDIA's libraries whose headers were found.
function(fovea_use_cuda_libraries target)
  foreach(library cudnn cublaslt)
    string(TOUPPER ${library} name)
    if(FOVEA_HAS_${name})
      file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/cuda/${library}/*.cpp)
      target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/cuda/bind_${library}.cpp ${sources})
      target_compile_definitions(${target} PRIVATE FOVEA_HAS_${name}=1)
      target_include_directories(${target} SYSTEM PRIVATE ${${name}_INCLUDE_DIR})
    endif()
  endforeach()
endfunction()

# Compiles the kernels among a target's sources, and what launches them, for the host
# (tests/host_kernels/cuda_on_host.h).
function(fovea_kernels_on_host target kernel_sources)
  set_source_files_properties(${kernel_sources} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++")
  # g++ does not see that what one loop of this file leaves unset the next one skips.
  list(FILTER kernel_sources INCLUDE REGEX "/batch_norm_backward\\.cu$")
  set_source_files_properties(${kernel_sources} PROPERTIES
    COMPILE_OPTIONS "-xc++;-Wno-uninitialized;$<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>")
  target_compile_definitions(${target} PRIVATE FOVEA_KERNELS_ON_HOST)
  target_compile_options(${target} PRIVATE -Wno-unknown-pragmas -Wno-attributes
    "SHELL:-include ${PROJECT_SOURCE_DIR}/tests/host_kernels/cuda_on_host.h")
  target_include_directories(${target} SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
endfunction()

# Adds the object library `target` of what uses Thrust, compiled with Thrust's own back end for the
# host.
function(fovea_add_thrust_on_host target)
  set(source ${PROJECT_SOURCE_DIR}/cuda/thrust_statistics.cu)
  # Thrust binds references to null: to tags without members. Here, since a source's options come last.
  set_source_files_properties(${source} PROPERTIES LANGUAGE CXX
    COMPILE_OPTIONS "-xc++;-fno-sanitize=null")
  add_library(${target} OBJECT ${source})
  fovea_compiler_options(${target})
  target_compile_definitions(${target} PRIVATE THRUST_DEVICE_SYSTEM=THRUST_DEVICE_SYSTEM_CPP)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
  target_include_directories(${target} SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
  foreach(folder ${CUDAToolkit_INCLUDE_DIRS})
    if(EXISTS ${folder}/cccl/thrust)  # since CUDA 13
      target_include_directories(${target} SYSTEM PRIVATE ${folder}/cccl)
    endif()
  endforeach()
endfunction()

# Sets `result` to what CUDA_ARCHITECTURES should be.
function(fovea_cuda_architectures result)
  set(architectures ${FOVEA_CUDA_ARCHITECTURES})
  if(architectures STREQUAL "all")
    set(architectures ${all_architectures})
  elseif(NOT architectures)
    execute_process(COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader
      OUTPUT_VARIABLE present ERROR_QUIET RESULT_VARIABLE failed)
    string(REGEX MATCHALL "[0-9]+\\.[0-9]+" present "${present}")
    list(REMOVE_DUPLICATES present)
    foreach(capability ${present})
      string(REPLACE "." "" capability ${capability})
      if(capability STREQUAL "90")
        set(capability 90a)  # with the instructions that only this chip has
      endif()
      list(APPEND architectures ${capability}-real)
    endforeach()
    if(failed OR NOT architectures)
      set(architectures ${unasked_architectures})
    endif()
  endif()
  set(${result} ${architectures} PARENT_SCOPE)
endfunction()

# How device code is compiled.
function(fovea_cuda_options target)
  fovea_cuda_architectures(architectures)
  set_target_properties(${target} PROPERTIES
    CUDA_ARCHITECTURES "${architectures}" CUDA_STANDARD 20 CUDA_STANDARD_REQUIRED ON)
  set(options
    --expt-relaxed-constexpr -Xfatbin=-compress-all
    -Xcompiler=-Wall,-Wextra,-Wno-unused-parameter -Xcudafe=--display_error_number
    $<$<BOOL:${FOVEA_WARNINGS_AS_ERRORS}>:-Werror=all-warnings>)
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:${options}>")
  list(JOIN architectures " " text)
  message(STATUS "CUDA ${CUDAToolkit_VERSION} for ${text}")
endfunction()
