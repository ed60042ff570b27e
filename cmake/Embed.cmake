# Files that become part of a library.

# Adds to `target` the constant fovea::report::<name>(), declared in host/report/embedded.h: the
# contents of these files by their names.
function(fovea_embed target name)
  set(declarations "")
  set(rows "")
  set(index 0)
  foreach(file ${ARGN})
    set(symbol embedded_${name}_${index})
    get_filename_component(file_name ${file} NAME)
    string(APPEND declarations
      "asm(\".pushsection .rodata\\n\"\n"
      "    \".global ${symbol}_begin\\n.hidden ${symbol}_begin\\n${symbol}_begin:\\n\"\n"
      "    \".incbin \\\"${file}\\\"\\n\"\n"
      "    \".global ${symbol}_end\\n.hidden ${symbol}_end\\n${symbol}_end:\\n\"\n"
      "    \".popsection\\n\");\n"
      "extern \"C\" const char ${symbol}_begin[], ${symbol}_end[];\n")
    string(APPEND rows "      {\"${file_name}\", {${symbol}_begin, ${symbol}_end}},\n")
    math(EXPR index "${index} + 1")
  endforeach()
  set(source ${CMAKE_CURRENT_BINARY_DIR}/embedded/${name}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "// Made by cmake/Embed.cmake.
#include \"host/report/embedded.h\"

${declarations}
const fovea::report::EmbeddedFiles& fovea::report::${name}() {
  static const EmbeddedFiles files = {
${rows}  };
  return files;
}
" @ONLY)
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS "${ARGN}")
  target_sources(${target} PRIVATE ${source})
endfunction()
