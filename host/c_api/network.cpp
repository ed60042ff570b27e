// Networks from the zoo and from descriptions.
#include "fovea/network.h"

#include "fovea/layer_config.h"
#include "fovea/models.h"
#include "host/c_api/handles.h"

using fovea::Json;
using fovea::Network;
using fovea::c_api::checked;
using fovea::c_api::element;
using fovea::c_api::give_out;
using fovea::c_api::guarded;
using fovea::c_api::looked_up;
using fovea::c_api::new_text;
using fovea::c_api::required;
using fovea::c_api::write_shape;

namespace {

const std::vector<std::string>& zoo() {
  static const std::vector<std::string> names = fovea::network_names();
  return names;
}

}  // namespace

size_t fovea_zoo_count(void) {
  return looked_up(size_t{0}, [&] { return zoo().size(); });
}

const char* fovea_zoo_name(size_t index) {
  return looked_up<const char*>(nullptr, [&] { return element(zoo(), index).c_str(); });
}

fovea_status fovea_network_from_zoo(const char* name, fovea_network** out) {
  return guarded([&] {
    give_out(out, std::make_unique<fovea_network>(fovea::make_network(&required(name, "name"))));
  });
}

fovea_status fovea_network_from_json(const char* json, fovea_network** out) {
  return guarded([&] {
    const Json description = Json::parse(&required(json, "json"), "a network's description");
    give_out(out, std::make_unique<fovea_network>(Network::from_json(description)));
  });
}

fovea_status fovea_network_to_json(const fovea_network* network, char** out) {
  return guarded([&] { give_out(out, new_text(checked(network).value.to_json().to_string())); });
}

fovea_status fovea_network_from_keras_json(const char* json, fovea_network** out) {
  return guarded([&] {
    const Json description = Json::parse(&required(json, "json"), "Keras's description");
    give_out(out, std::make_unique<fovea_network>(fovea::network_from_keras(description)));
  });
}

fovea_status fovea_network_to_keras_json(const fovea_network* network, char** out) {
  return guarded([&] {
    give_out(out, new_text(fovea::network_to_keras(checked(network).value).to_string()));
  });
}

void fovea_network_free(fovea_network* network) { fovea::c_api::free_handle(network); }

int64_t fovea_network_parameter_count(const fovea_network* network) {
  return looked_up<int64_t>(-1, [&] { return checked(network).value.parameter_count(); });
}

size_t fovea_network_input_count(const fovea_network* network) {
  return looked_up(size_t{0}, [&] { return checked(network).value.inputs().size(); });
}

size_t fovea_network_output_count(const fovea_network* network) {
  return looked_up(size_t{0}, [&] { return checked(network).value.outputs().size(); });
}

const char* fovea_network_input_name(const fovea_network* network, size_t index) {
  return looked_up<const char*>(
      nullptr, [&] { return element(checked(network).value.inputs(), index).name.c_str(); });
}

const char* fovea_network_output_name(const fovea_network* network, size_t index) {
  return looked_up<const char*>(
      nullptr, [&] { return element(checked(network).value.outputs(), index).name.c_str(); });
}

int fovea_network_input_shape(const fovea_network* network, size_t index,
                              int64_t shape[FOVEA_MAX_RANK]) {
  return looked_up(-1, [&] {
    return write_shape(element(checked(network).value.inputs(), index).shape, shape);
  });
}

int fovea_network_output_shape(const fovea_network* network, size_t index,
                               int64_t shape[FOVEA_MAX_RANK]) {
  return looked_up(-1, [&] {
    return write_shape(element(checked(network).value.outputs(), index).shape, shape);
  });
}
