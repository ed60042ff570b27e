// The CPU's kernel table: one page that says what runs where.
#pragma once

#include <string>

#include "fovea/kernel.h"

namespace fovea {

/// Adds every candidate of the CPU, the fast path first where it can be loaded. Returns what was
/// found of the fast path, for devices().
std::string fill_cpu_table(KernelTable& table);

namespace cpu {
/// Products of few rows with large weights.
void add_thin_matmul(KernelTable& table);
/// Convolutions of few cells with many constant filters.
void add_thin_conv(KernelTable& table);
}  // namespace cpu

}  // namespace fovea
