#include "host/report/kinds.h"

#include <algorithm>
#include <array>

namespace fovea::report {
namespace {

constexpr KindLook kInput = {"fv-input", "input"};
constexpr KindLook kConvolution = {"fv-conv", "convolution"};
constexpr KindLook kPooling = {"fv-pool", "pooling"};
constexpr KindLook kNormalization = {"fv-norm", "normalization"};
constexpr KindLook kActivation = {"fv-act", "activation"};
constexpr KindLook kDense = {"fv-dense", "dense"};
constexpr KindLook kMerge = {"fv-merge", "merge"};
constexpr KindLook kDropout = {"fv-drop", "dropout"};
constexpr KindLook kOther = {"fv-other", "other"};

constexpr std::array<std::string_view, 10> kActivations = {
    "Activation", "ReLU", "LeakyReLU", "ELU",     "Sigmoid",
    "Tanh",       "Gelu", "Silu",      "Softmax", "PReLU"};
constexpr std::array<std::string_view, 4> kMerges = {"Add", "Multiply", "Concatenate", "Stack"};

template <std::size_t n>
bool has(const std::array<std::string_view, n>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

const KindLook& look_of(std::string_view kind) {
  if (kind == "InputLayer") return kInput;
  if (contains(kind, "Conv")) return kConvolution;
  if (contains(kind, "Pool")) return kPooling;
  if (contains(kind, "Norm") || kind == "Rescaling") return kNormalization;
  if (has(kActivations, kind)) return kActivation;
  if (kind == "Dense" || kind == "Maxout") return kDense;
  if (has(kMerges, kind)) return kMerge;
  if (kind == "Dropout") return kDropout;
  return kOther;
}

bool is_elementwise(std::string_view kind) {
  const KindLook& look = look_of(kind);
  return &look == &kNormalization || &look == &kActivation || &look == &kDropout ||
         kind == "Flatten" || kind == "ActivityRegularization";
}

}  // namespace fovea::report
