// What a machine can do, measured: its largest rate in matrix products and in copies.
#pragma once

#include <map>
#include <string>

#include "benchmarks/support/candidate_run.h"
#include "benchmarks/support/conv_problem.h"
#include "fovea/json.h"

namespace fovea::bench {

/// How large the measured work is.
struct PeakSizes {
  std::int64_t matmul = 8192;                         ///< rows and columns of both factors
  std::int64_t copy_bytes = std::int64_t{256} << 20;  ///< read, and as many written
};

/// As large as it takes to reach the peaks of this device.
PeakSizes sizes_for(const Device& device);

class Peaks {
 public:
  /// Warms the device up.
  Peaks(const Bench& bench, const PeakSizes& sizes) : bench_(bench), sizes_(sizes) {
    bench.warm_up();
  }

  struct Matmul {
    double tflops = 0;  ///< 0 where no candidate accepts
    std::string candidate;
    std::string problem;  ///< what kept candidates from taking part
  };
  /// The fastest candidate's rate in this format; measured when first asked for.
  const Matmul& matmul(const NumberFormat& format);

  /// GB/s, read and written bytes counted, of random numbers, by the device's own copy or the
  /// fastest candidate of "scale", whichever is faster; measured when first asked for.
  double copy();

  /// Measures once more what was measured before; the larger counts from now on.
  void measure_again();

  Json to_json() const;

 private:
  Matmul measure_matmul(const NumberFormat& format) const;
  double measure_copy() const;

  const Bench& bench_;
  PeakSizes sizes_;
  std::map<std::string, Matmul> matmuls_;
  double copy_ = 0;
};

}  // namespace fovea::bench
