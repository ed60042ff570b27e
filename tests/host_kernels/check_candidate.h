// What tests of single candidates share, for sizes to which the op cases do not lead.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fovea/ops/conv.h"
#include "tests/host_kernels/run_candidate.h"
#include "tests/support/op_case.h"

namespace fovea::test {

/// Sets a number, and puts it back.
class Overridden {
 public:
  Overridden(std::int64_t& number, std::int64_t value) : number_(number), before_(number) {
    number = value;
  }
  ~Overridden() { number_ = before_; }
  Overridden(const Overridden&) = delete;
  Overridden& operator=(const Overridden&) = delete;

 private:
  std::int64_t& number_;
  std::int64_t before_;
};

/// `candidate` against the f64 reference of the same, rounded inputs. It may not decline. Returns
/// the largest error.
double check_candidate(const OpCase& op_case, DType dtype, const std::string& candidate,
                       const How& how = {});

/// All three passes of one convolution.
std::vector<OpCase> conv_passes(const Shape& x, std::int64_t filters, Size2 kernel,
                                const ops::ConvAttributes& attributes);

}  // namespace fovea::test
