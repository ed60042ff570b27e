// The families of candidates that this plug-in adds to the CPU's kernel table, one file each.
#pragma once

#include "fovea/kernel.h"

namespace fovea::onednn {

// On oneDNN's primitives.
void add_convolutions(KernelTable& table);
void add_matrix_products(KernelTable& table);
void add_activations(KernelTable& table);
void add_movement(KernelTable& table);
// Our own loops over oneDNN's formats.
void add_pooling(KernelTable& table);
void add_normalization(KernelTable& table);
void add_arithmetic(KernelTable& table);

}  // namespace fovea::onednn
