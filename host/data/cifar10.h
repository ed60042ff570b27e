// The layout of CIFAR-10's binary version, shared by reader and downloader.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "fovea/export.h"

namespace fovea::data {

inline constexpr const char* kCifar10Folder = "cifar-10-batches-bin";

/// Names of the six files of the data set that `folder` lacks.
FOVEA_INTERNAL std::vector<std::string> missing_cifar10_files(const std::filesystem::path& folder);

}  // namespace fovea::data
