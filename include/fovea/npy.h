// NumPy's files: .npy, one array, and .npz, several by name.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "fovea/tensor.h"

namespace fovea {

/// Arrays by name, in a file's order.
using NamedArrays = std::vector<std::pair<std::string, Tensor>>;

/// An array of np.save: float16, float32, float64, int32, int64, uint8 or bool (as u8), of either
/// byte order, in C or Fortran order. Throws io if the file cannot be read; parse, naming the file,
/// for what is damaged; unsupported for other types.
/// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
FOVEA_API Tensor load_npy(const std::string& path);

/// Writes what np.load reads, atomically: little endian, in C order. Throws io if writing fails,
/// invalid_argument for an undefined tensor, and unsupported for bf16, which NumPy does not have.
FOVEA_API void save_npy(const std::string& path, const Tensor& array);

/// The arrays of np.savez or np.savez_compressed. Throws as load_npy, and unsupported where libzip
/// is missing.
FOVEA_API NamedArrays load_npz(const std::string& path);

/// Throws as save_npy, unsupported where libzip is missing, and invalid_argument for no array at
/// all, an empty name, or one given twice.
FOVEA_API void save_npz(const std::string& path, const NamedArrays& arrays);

}  // namespace fovea
