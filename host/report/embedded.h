// The files that pages are made of, as cmake/Embed.cmake puts them into the library.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace fovea::report {

using EmbeddedFiles = std::map<std::string, std::string_view>;

/// The files of host/report/page/ by name.
const EmbeddedFiles& page_files();
/// "three.min.js"; only where FOVEA_HAS_THREE is defined.
const EmbeddedFiles& three_js();

}  // namespace fovea::report
