// The list of devices.
#include "fovea/device.h"

#include "host/c_api/handles.h"

using fovea::c_api::checked;
using fovea::c_api::element;
using fovea::c_api::give_out;
using fovea::c_api::guarded;
using fovea::c_api::looked_up;

struct fovea_device_list : fovea::c_api::Handle<fovea_device_list> {
  static constexpr const char* kName = "fovea_device_list";
  static constexpr std::uint64_t kTag = fovea::c_api::handle_tag(4);
  std::vector<fovea::DeviceReport> value = fovea::devices();
};

fovea_status fovea_device_list_new(fovea_device_list** out) {
  return guarded([&] { give_out(out, std::make_unique<fovea_device_list>()); });
}

void fovea_device_list_free(fovea_device_list* list) { fovea::c_api::free_handle(list); }

size_t fovea_device_list_count(const fovea_device_list* list) {
  return looked_up(size_t{0}, [&] { return checked(list).value.size(); });
}

const char* fovea_device_list_name(const fovea_device_list* list, size_t index) {
  return looked_up<const char*>(nullptr,
                                [&] { return element(checked(list).value, index).name.c_str(); });
}

const char* fovea_device_list_detail(const fovea_device_list* list, size_t index) {
  return looked_up<const char*>(nullptr,
                                [&] { return element(checked(list).value, index).detail.c_str(); });
}

int fovea_device_list_available(const fovea_device_list* list, size_t index) {
  return looked_up(0, [&] { return element(checked(list).value, index).available ? 1 : 0; });
}
