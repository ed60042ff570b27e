// Every convolution that the library can ask of cuDNN is asked, for every architecture and type:
// either a plan is built, or our own candidates are known to take over.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <regex>

#include "tests/cudnn_deviceless/deviceless.h"

namespace fovea::test {
namespace {

/// Where our own candidates take over, and the only places.
struct Exception {
  const char* question;  ///< a regular expression for all of its name
  const char* math;      ///< likewise
  int newest_sm;         ///< up to this architecture
  const char* reason;    ///< part of what the candidate says
  int oldest_sm = 0;     ///< from this architecture on
};
/// All but sm_90 take a workspace of several times the gradient.
constexpr const char* kLargeGradients =
    "conv2d_backward_data_batch_norm_relu_"
    ".*((n2000|n256|vgg16_n64)c3h.*|c64h56k128r1s2|(c256h56|c128h56|c512h28)k.*)";
constexpr Exception kExceptions[] = {
    {"conv2d_bias_act_.*_(leaky_relu|elu|sigmoid|tanh|gelu|silu)", ".*", 999,
     "cuDNN has precompiled engines for relu only"},
    {"conv2d_batch_norm_act_.*", "f32|tf32|bf16", 999, "cuDNN has engines for f16 only"},
    {"conv2d_batch_norm_act_.*", "f16", 75, "cuDNN offers no engine"},
    {"conv2d_batch_norm_act_.*", "f16", 999, "cuDNN offers no engine", 100},
    {"conv2d_batch_norm_act_(odd|.*c3h.*|mobilenetv2.*|convnext.*)", "f16", 90,
     "cuDNN offers no engine"},
    {"conv2d_backward_data_batch_norm_relu_.*", "f32|tf32|bf16", 999,
     "cuDNN has engines for f16 only"},
    {"conv2d_backward_data_batch_norm_relu_.*", "f16", 75, "cuDNN offers no engine"},
    {"conv2d_backward_data_batch_norm_relu_(mobilenetv2.*|convnext.*)", "f16", 999,
     "cuDNN offers no engine"},
    {"conv2d_backward_data_batch_norm_relu_(odd|.*c3h.*)", "f16", 90, "cuDNN offers no engine", 90},
    {kLargeGradients, "f16", 89, "its workspace is beyond the limit"},
    {kLargeGradients, "f16", 999, "its workspace is beyond the limit", 100},
    {"conv2d_backward_data_batch_norm_relu_.*(n2000c24h31|c64h56|c64h112)k.*", "f16", 100,
     "its workspace is beyond the limit", 100},
    {".*", "bf16", 75, "cuDNN offers no engine"},
};

const Exception* find_exception(const DescribedGpu& gpu, const Math& math,
                                const Question& question) {
  for (const Exception& exception : kExceptions) {
    if (gpu.sm <= exception.newest_sm && gpu.sm >= exception.oldest_sm &&
        std::regex_match(math.name, std::regex(exception.math)) &&
        std::regex_match(question.name, std::regex(exception.question))) {
      return &exception;
    }
  }
  return nullptr;
}

/// How many questions got a plan, per op and math and architecture.
class Table {
 public:
  void count(const std::string& row, int sm, bool supported) {
    auto& [yes, all] = rows_[row][sm];
    yes += supported ? 1 : 0;
    ++all;
  }
  void print() const {
    std::printf("%-42s", "plans built / asked for");
    for (const DescribedGpu& gpu : described_gpus()) std::printf("   sm_%-4d", gpu.sm);
    for (const auto& [row, counts] : rows_) {
      std::printf("\n%-42s", row.c_str());
      for (const auto& [sm, count] : counts) {
        const std::string text = std::to_string(count.first) + "/" + std::to_string(count.second);
        std::printf("   %-7s", text.c_str());
      }
    }
    std::printf("\nWhat is not built is our own candidates' work.\n");
  }

 private:
  std::map<std::string, std::map<int, std::pair<int, int>>> rows_;
};

void ask_all(const std::vector<Question>& questions) {
  Table table;
  for (const DescribedGpu& gpu : described_gpus()) {
    for (const Math& math : all_math()) {
      for (const Question& question : questions) {
        SCOPED_TRACE(question.name + " in " + math.name + " on sm_" + std::to_string(gpu.sm));
        const Answered answered = ask(gpu, math, question);
        const bool supported = answered.answer == Answer::precompiled;
        table.count(std::string(question.op->name()) + " " + math.name, gpu.sm, supported);
        if (const Exception* exception = find_exception(gpu, math, question)) {
          EXPECT_EQ(answered.answer, Answer::none) << "the list of exceptions is out of date";
          EXPECT_NE(answered.reason.find(exception->reason), std::string::npos) << answered.reason;
        } else {
          EXPECT_TRUE(supported) << answered.reason;
        }
      }
    }
  }
  table.print();
}

TEST(CudnnSupport, OpCases) {
  const std::vector<Question> questions = op_case_questions();
  EXPECT_GT(questions.size(), 100u);
  ask_all(questions);
}

TEST(CudnnSupport, NetworksAndBenchmark) { ask_all(network_questions()); }

TEST(CudnnSupport, EveryArchitectureIsDescribed) {
  std::vector<int> described;
  for (const DescribedGpu& gpu : described_gpus()) described.push_back(gpu.sm);
  EXPECT_EQ(described, (std::vector<int>{75, 80, 86, 89, 90, 100, 120}));
}

}  // namespace
}  // namespace fovea::test
