// The smallest program that needs the library's headers and its shared object.
#include <fovea/tensor.h>

int main() {
  const fovea::Tensor t = fovea::Tensor::full({2, 3}, 1.0);
  return t.numel() == 6 && t.data<float>()[5] == 1.0f ? 0 : 1;
}
