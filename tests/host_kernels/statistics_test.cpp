// What the public functions say of whole data sets where Thrust computes it: the CPU's very
// numbers.
#include <gtest/gtest.h>

#include <random>

#include "fovea/data.h"
#include "fovea/metrics.h"
#include "tests/host_kernels/cuda_on_host_device.h"

namespace fovea::test {
namespace {

Tensor random_labels(std::int64_t samples, int classes, unsigned seed) {
  std::mt19937 random(seed);
  Tensor labels({samples}, DType::i32);
  for (std::int32_t& label : labels.span<std::int32_t>()) {
    label = static_cast<std::int32_t>(random() % static_cast<unsigned>(classes));
  }
  return labels;
}

class ThrustStatistics : public ::testing::Test {
 protected:
  ThrustStatistics() { host_calls().uploads = 0; }
  ~ThrustStatistics() override { EXPECT_GT(host_calls().uploads, 0) << "the device was not asked"; }
  std::string device_ = cuda_on_host()->name();
};

TEST_F(ThrustStatistics, OfBytesAreTheCpusBits) {
  Tensor pictures({37, 7, 5, 3}, DType::u8);
  std::mt19937 random(1);
  for (std::uint8_t& byte : pictures.span<std::uint8_t>()) {
    byte = static_cast<std::uint8_t>(random());
  }
  const ChannelStatistics here = channel_statistics(pictures);
  const ChannelStatistics there = channel_statistics(pictures, device_);
  EXPECT_EQ(here.mean, there.mean);
  EXPECT_EQ(here.stddev, there.stddev);
}

TEST_F(ThrustStatistics, CountClasses) {
  const Tensor labels = random_labels(1009, 7, 2);
  EXPECT_EQ(class_counts(labels), class_counts(labels, device_));
  EXPECT_EQ(balanced_class_weight(labels), balanced_class_weight(labels, device_));
}

TEST_F(ThrustStatistics, CountConfusionsOfAnyLabels) {
  const Tensor truth = random_labels(1009, 7, 3), predicted = random_labels(1009, 9, 4);
  for (const std::vector<std::int32_t>& labels :
       {std::vector<std::int32_t>{}, std::vector<std::int32_t>{5, 0, 11, 3}}) {
    const Tensor here = confusion_matrix(truth, predicted, labels);
    const Tensor there = confusion_matrix(truth, predicted, labels, device_);
    ASSERT_EQ(here.shape(), there.shape());
    for (std::int64_t i = 0; i < here.numel(); ++i) EXPECT_EQ(here.item(i), there.item(i)) << i;
  }
}

TEST_F(ThrustStatistics, RankScoresOfEveryType) {
  const Tensor labels = random_labels(1009, 2, 5);
  for (const DType dtype : {DType::f32, DType::f64, DType::f16}) {
    const Tensor scores = random_labels(1009, 97, 6).to(DType::f32).to(dtype);
    const double here = roc_auc_score(labels, scores);
    EXPECT_EQ(here, roc_auc_score(labels, scores, device_)) << dtype_name(dtype);
    EXPECT_GT(here, 0.4);
    EXPECT_LT(here, 0.6);
  }
}

}  // namespace
}  // namespace fovea::test
