// A network as a table of text.
#pragma once

#include <string>
#include <vector>

#include "fovea/network.h"

namespace fovea {

/// One row per layer: name and type, output shape, number of parameters and, where the network is
/// no plain chain, the layers it reads; then the totals with their sizes in memory (4 bytes each).
/// Parameters below one of the `frozen` paths ("conv2d", "stage1") count as non-trainable.
FOVEA_API std::string summary(const Network& network, const std::vector<std::string>& frozen = {});

}  // namespace fovea
