// What pages are written with: their templates, and data inside of them.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "fovea/json.h"

namespace fovea::report {

/// The template with each {{name}} replaced; what is filled in is not looked at again. Throws
/// internal for a name that is not among the parts.
std::string fill_page(std::string_view page, const std::map<std::string, std::string_view>& parts);

/// JSON that may stand in a script element: no '<', which could end it, is in it.
std::string script_json(const Json& json);

/// Bytes as text: RFC 4648, with padding.
std::string base64(const void* data, std::size_t bytes);

}  // namespace fovea::report
