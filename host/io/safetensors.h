// The safetensors container: named tensors and a map of strings in one file.
//
// Layout (https://github.com/huggingface/safetensors): 8 bytes, the little-endian length of the
// header; the header, a JSON object that gives for each tensor its dtype, shape and data_offsets
// [first, last) and may hold string metadata under "__metadata__"; the data, without gaps.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "fovea/export.h"
#include "fovea/tensor.h"

namespace fovea {

struct SafetensorsFile {
  std::vector<std::pair<std::string, Tensor>> tensors;
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// Writes atomically (see AtomicFile), tensors and metadata in their order, with a checksum of all
/// under the metadata key "fovea.crc32". The data begins at a multiple of 64 and each tensor at a
/// multiple of its element size. Throws io if writing fails; invalid_argument for an undefined
/// tensor, a name given twice, reserved ("__metadata__", "fovea.crc32") or not UTF-8.
FOVEA_INTERNAL void write_safetensors(const std::string& path, const SafetensorsFile& file);

/// Reads a file of any program, in one pass, tensors and metadata in the header's order. Where the
/// checksum is present it is verified and left out of the metadata. Throws io if the file cannot
/// be read, and parse, naming file, tensor and offset, if its contents are damaged, inconsistent
/// or of a kind that Tensor cannot hold (more than 8 axes, another dtype). What a file claims is
/// checked against its size before anything is allocated.
FOVEA_INTERNAL SafetensorsFile read_safetensors(const std::string& path);

}  // namespace fovea
