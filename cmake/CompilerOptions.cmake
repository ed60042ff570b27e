# Warnings are errors, in every target of the project; sanitizers when asked for.
option(FOVEA_WARNINGS_AS_ERRORS "Treat compiler warnings as errors" ON)

find_program(FOVEA_CCACHE ccache)
if(FOVEA_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${FOVEA_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${FOVEA_CCACHE})
endif()

function(fovea_compiler_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wconversion
    $<$<BOOL:${FOVEA_WARNINGS_AS_ERRORS}>:-Werror>)
  # Results must not depend on whether a compiler chooses to fuse a multiplication and an addition.
  target_compile_options(${target} PRIVATE -ffp-contract=off)
  if(FOVEA_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=address,undefined
      -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=address,undefined)
  endif()
endfunction()
