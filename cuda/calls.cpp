#include "cuda/calls.h"

namespace fovea::cuda {

Calls& calls() {
  static Calls counted;
  return counted;
}

}  // namespace fovea::cuda
