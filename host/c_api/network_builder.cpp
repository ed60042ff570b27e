// Networks layer by layer: the functional API, where symbols are numbers and layers are JSON.
#include "fovea/layer_config.h"
#include "host/c_api/handles.h"

using fovea::DType;
using fovea::Json;
using fovea::Network;
using fovea::Shape;
using fovea::Symbol;
using fovea::c_api::checked;
using fovea::c_api::dtype_from;
using fovea::c_api::give_out;
using fovea::c_api::guarded;
using fovea::c_api::required;
using fovea::c_api::text_or;

struct fovea_network_builder : fovea::c_api::Handle<fovea_network_builder> {
  static constexpr const char* kName = "fovea_network_builder";
  static constexpr std::uint64_t kTag = fovea::c_api::handle_tag(8);
  std::vector<Symbol> symbols;
};

namespace {

std::vector<Symbol> symbols_of(const fovea_network_builder& builder, const fovea_symbol* list,
                               size_t count, const char* what) {
  std::vector<Symbol> symbols;
  if (count > 0) required(list, what);
  for (size_t i = 0; i < count; ++i) {
    const bool known = list[i] >= 0 && static_cast<size_t>(list[i]) < builder.symbols.size();
    FOVEA_REQUIRE(known, invalid_argument, "there is no symbol ", list[i],
                  " in this builder, which has ", builder.symbols.size());
    symbols.push_back(builder.symbols[static_cast<size_t>(list[i])]);
  }
  return symbols;
}

void add(fovea_network_builder& builder, Symbol symbol, fovea_symbol* out) {
  required(out, "out");
  builder.symbols.push_back(std::move(symbol));
  *out = static_cast<fovea_symbol>(builder.symbols.size() - 1);
}

}  // namespace

fovea_status fovea_network_builder_new(fovea_network_builder** out) {
  return guarded([&] { give_out(out, std::make_unique<fovea_network_builder>()); });
}

void fovea_network_builder_free(fovea_network_builder* builder) {
  fovea::c_api::free_handle(builder);
}

fovea_status fovea_network_builder_input(fovea_network_builder* builder, const int64_t* shape,
                                         int rank, fovea_dtype dtype, const char* name,
                                         fovea_symbol* out) {
  return guarded([&] {
    const DType type = dtype_from(dtype);
    const Shape sample = fovea::c_api::shape_from(shape, rank, type);
    add(checked(builder), fovea::input(sample, text_or(name, ""), type), out);
  });
}

fovea_status fovea_network_builder_layer(fovea_network_builder* builder, const char* class_name,
                                         const char* config, const fovea_symbol* inputs,
                                         size_t input_count, fovea_symbol* out) {
  return guarded([&] {
    const std::string kind = &required(class_name, "class_name");
    const Json settings = Json::parse(text_or(config, "{}"), "the configuration of " + kind);
    const fovea::AnyLayer layer = fovea::make_layer(kind, settings);
    const std::vector<Symbol> arguments =
        symbols_of(checked(builder), inputs, input_count, "inputs");
    add(*builder, (*layer)(arguments), out);
  });
}

fovea_status fovea_network_builder_finish(fovea_network_builder* builder,
                                          const fovea_symbol* inputs, size_t input_count,
                                          const fovea_symbol* outputs, size_t output_count,
                                          fovea_network** out) {
  return guarded([&] {
    std::vector<Network::Output> results;
    for (Symbol& symbol : symbols_of(checked(builder), outputs, output_count, "outputs")) {
      results.emplace_back(std::move(symbol));
    }
    give_out(out, std::make_unique<fovea_network>(
                      Network(symbols_of(*builder, inputs, input_count, "inputs"), results)));
  });
}
