// The page of a network: host/report/page/view.html, filled with its parts.
#include "fovea/view.h"

#include <map>
#include <string_view>

#include "fovea/error.h"
#include "host/io/atomic_file.h"
#include "host/report/embedded.h"
#include "host/report/page_text.h"
#include "host/report/svg.h"
#include "host/report/view/view_data.h"

namespace fovea {
namespace {

std::string_view three_js(const std::filesystem::path& path) {
#ifdef FOVEA_HAS_THREE
  static_cast<void>(path);
  return report::three_js().at("three.min.js");
#else
  fail(ErrorCode::unsupported, path,
       " cannot be made: this build has no three.js; install libjs-three and build Fovea again");
#endif
}

}  // namespace

void write_view(const std::filesystem::path& path, Model& model, const ViewOptions& options) {
  const std::string_view three = three_js(path);
  const report::ViewData data = report::view_data(model, options);
  const std::string title = report::escape(data.description.at("title").as_string());
  const std::string description = report::script_json(data.description);
  const report::EmbeddedFiles& files = report::page_files();
  std::map<std::string, std::string_view> parts = {{"title", title},
                                                   {"three.min.js", three},
                                                   {"description", description},
                                                   {"weights", data.weights}};
  for (const char* name :
       {"view.css", "view_three_license.txt", "view_forward.js", "view_colors.js", "view_camera.js",
        "view_layout.js", "view_shapes.js", "view_labels.js", "view_scene.js", "view_panels.js",
        "view_pad.js", "view.js"}) {
    parts[name] = files.at(name);
  }
  write_text_file(path.string(), report::fill_page(files.at("view.html"), parts));
}

}  // namespace fovea
