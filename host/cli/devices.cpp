// fovea devices: what the library can compute on.
#include "fovea/device.h"

#include "fovea/version.h"
#include "host/cli/command.h"

namespace fovea::cli {
namespace {

int list_devices(Terminal& terminal) {
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows;
  for (const DeviceReport& device : devices()) {
    Json json = Json::object();
    json.set("name", device.name);
    json.set("available", device.available);
    json.set("detail", device.detail);
    list.push(json);
    rows.push_back({device.name, device.available ? "yes" : "no", device.detail});
  }
  terminal.result() << format_table(rows);
  terminal.document(
      Json::object().set("fovea", version()).set("compiler", compiler()).set("devices", list));
  return kSuccess;
}

}  // namespace

Action add_devices(CLI::App& app) {
  app.footer("Examples:\n  fovea devices\n  fovea devices --json");
  return list_devices;
}

}  // namespace fovea::cli
