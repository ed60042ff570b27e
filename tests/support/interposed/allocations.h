// Counts the allocations of the whole process, in programs that link allocations.cpp.
#pragma once

namespace fovea::test {

struct Allocations {
  int ours = 0;
  int libraries = 0;  ///< made inside oneDNN or NVIDIA's libraries: not ours to avoid
};

void start_counting_allocations();
/// Since the start.
Allocations stop_counting_allocations();

}  // namespace fovea::test
