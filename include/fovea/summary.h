// A network as a table of text.
#pragma once

#include <string>
#include <vector>

#include "fovea/network.h"

namespace fovea {

/// Keras's table: a row per layer with its name and type, output shape, number of parameters and,
/// where the network is no plain chain, what it reads ("conv2d[0][0]": the layer, which of its
/// calls and which output of that); then the totals with their sizes in memory (4 bytes each). As
/// wide as Keras's on a terminal of 80 columns, and wider where Keras would cut names of layers (up
/// to 60 characters); types that do not fit are cut, as there. The row for the optimizer's state
/// that Keras adds in training is left out. Parameters below one of the `frozen` paths ("conv2d",
/// "stage1") count as non-trainable.
FOVEA_API std::string summary(const Network& network, const std::vector<std::string>& frozen = {});

}  // namespace fovea
