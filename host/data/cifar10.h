// The layout of CIFAR-10's binary version, shared by its reader and downloader and, for the
// pictures, by the reader of CIFAR-100.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "fovea/export.h"

namespace fovea::data {

inline constexpr const char* kCifar10Folder = "cifar-10-batches-bin";
inline constexpr std::int64_t kCifarPictureBytes = 3 * 32 * 32;

/// Turns a picture that is stored plane by plane (red, green, blue) into (H, W, C).
void interleave_cifar_planes(const std::uint8_t* planes, std::uint8_t* picture);

/// Names of the six files of the data set that `folder` lacks.
FOVEA_INTERNAL std::vector<std::string> missing_cifar10_files(const std::filesystem::path& folder);

}  // namespace fovea::data
