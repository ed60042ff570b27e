// What Keras and scikit-learn computed: files written by tests/golden/generate.py.
#pragma once

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fovea/error.h"
#include "fovea/json.h"
#include "fovea/tensor.h"

namespace fovea::test {

/// tests/golden/<name>.json.
inline Json golden(const std::string& name) {
  const std::string path = std::string(FOVEA_SOURCE_DIR) + "/tests/golden/" + name + ".json";
  std::ifstream file(path);
  FOVEA_REQUIRE(file.good(), io, path, " is missing; tests/golden/generate.py writes it");
  return Json::parse(std::string(std::istreambuf_iterator<char>(file), {}), path);
}

/// A list of numbers as a tensor.
inline Tensor tensor_of(const Json& list, const Shape& shape, DType dtype = DType::f32) {
  std::vector<double> values;
  for (const Json& value : list.as_array()) values.push_back(value.as_double());
  return Tensor::from<double>(shape, values).to(dtype);
}

}  // namespace fovea::test
