// What these tests share: cuDNN, the GPUs that device_properties.json describes, and every
// convolution that is asked of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cuda/table.h"
#include "fovea/op.h"

namespace fovea::test {

/// A GPU that is not there.
struct DescribedGpu {
  int sm = 0;
  cuda::Libraries libraries;  ///< cuDNN for it
};

/// One per architecture, in ascending order.
const std::vector<DescribedGpu>& described_gpus();

/// f32 and TF32 are two ways to compute in one type.
struct Math {
  std::string name;
  DType dtype = DType::f32;
  bool allow_tf32 = false;
};
const std::vector<Math>& all_math();

/// An op with the shapes of its inputs.
struct Question {
  std::string name;
  OpPtr op;
  std::vector<Shape> inputs;
};

/// The op cases of convolutions for which there is a candidate "cudnn".
std::vector<Question> op_case_questions();
/// Each convolution of model 12 (the README's CIFAR-10 network), ResNet-20, ResNet-18 and VGG16 and
/// of the convolution benchmark: all passes, and the fusions that these networks use.
std::vector<Question> network_questions();

/// What cuDNN makes of a question.
enum class Answer {
  precompiled,  ///< a plan was built
  compiled,     ///< engines that would compile their kernels with the device's driver
  none,         ///< our own candidate takes over
};
struct Answered {
  Answer answer = Answer::none;
  std::string reason;                ///< of a decline
  std::int64_t workspace_bytes = 0;  ///< of a plan
};

/// The types of a question's inputs: batch norm's parameters stay f32.
std::vector<ValueType> types_of(const Question& question, DType dtype);

/// Asks the kernel table's candidate "cudnn", as the CUDA device does.
Answered ask(const DescribedGpu& gpu, const Math& math, const Question& question);

}  // namespace fovea::test
