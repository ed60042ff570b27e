# How every target of the project is compiled, and how its programs are made.

# Warnings are errors with the compilers that CI runs. Others may warn of what these do not, rightly
# or not (g++ 14 sees copies out of bounds in std::vector), and that must not stop a user's build.
set(warnings_as_errors OFF)
if("${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}" MATCHES "^(GNU 12|Clang 14)\\.")
  set(warnings_as_errors ON)
endif()
option(FOVEA_WARNINGS_AS_ERRORS "Treat compiler warnings as errors" ${warnings_as_errors})

find_program(FOVEA_CCACHE ccache)
if(FOVEA_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${FOVEA_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${FOVEA_CCACHE})
endif()

# Warnings are errors; sanitizers when asked for. The instruction set stays the compiler's baseline:
# one binary runs everywhere, and the fast path chooses its instructions at run time.
function(fovea_compiler_options target)
  set(options -Wall -Wextra -Wshadow -Wconversion
    $<$<BOOL:${FOVEA_WARNINGS_AS_ERRORS}>:-Werror>
    # GCC 12 sees overlapping copies in std::string's operator+ (GCC bug 105651).
    $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>
    # Results must not depend on whether a compiler chooses to fuse a multiplication and an addition.
    -ffp-contract=off
    # Nobody reads errno after a square root; keeping it would keep loops from being vectorised.
    -fno-math-errno
    # `omp simd` permits vectors; that a loop has none, as under the sanitizers, is no mistake.
    $<$<CXX_COMPILER_ID:Clang>:-Wno-pass-failed>)
  target_compile_options(${target} PRIVATE "$<$<NOT:$<COMPILE_LANGUAGE:CUDA>>:${options}>")
  if(FOVEA_SANITIZE)
    fovea_sanitize(${target})
  else()
    # An undefined symbol is an error when the library is linked, not when it is loaded.
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
endfunction()

# AddressSanitizer and UBSan; the first finding ends the program.
function(fovea_sanitize target)
  set(options -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
    # g++ sees uninitialized values in the code that the sanitizers insert, and takes a third of its
    # time for two checks of every access; what matters of them AddressSanitizer sees as well.
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-fno-sanitize=null,vptr>)
  target_compile_definitions(${target} PRIVATE _GLIBCXX_ASSERTIONS)
  target_compile_options(${target} PRIVATE "$<$<NOT:$<COMPILE_LANGUAGE:CUDA>>:${options}>")
  target_link_options(${target} PRIVATE -fsanitize=address,undefined)
endfunction()

# A program of one source file, named after it and linked to the library as a user would.
function(fovea_add_program source)
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  fovea_compiler_options(${name})
  target_link_libraries(${name} PRIVATE fovea::fovea)
  fovea_needs_plugins(${name})
endfunction()

# Building `target` also builds the plug-ins, which nothing links to: they are opened at run time.
function(fovea_needs_plugins target)
  get_property(plugins GLOBAL PROPERTY FOVEA_PLUGINS)
  if(plugins)
    add_dependencies(${target} ${plugins})
  endif()
endfunction()
