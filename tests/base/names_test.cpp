// Suggestions for names that do not exist.
#include "fovea/names.h"

#include <gtest/gtest.h>

#include <vector>

#include "fovea/error.h"

namespace fovea {
namespace {

const std::vector<std::string> kNames = {"sgd", "adam", "adamw", "cifar10_cnn", "resnet20"};

TEST(ClosestName, IsTheOneMeant) {
  EXPECT_EQ(closest_name("adma", kNames), "adam");  // swapped letters
  EXPECT_EQ(closest_name("sdg", kNames), "sgd");
  EXPECT_EQ(closest_name("adams", kNames), "adam");             // a letter too many
  EXPECT_EQ(closest_name("cifar_cnn", kNames), "cifar10_cnn");  // two letters missing
  EXPECT_EQ(closest_name("resnet", kNames), "resnet20");        // its beginning
  EXPECT_EQ(closest_name("adamw", kNames), "adamw");
}

TEST(ClosestName, IsNoneWhereNothingIsClose) {
  EXPECT_EQ(closest_name("lion", kNames), "");
  EXPECT_EQ(closest_name("vgg16", kNames), "");
  EXPECT_EQ(closest_name("", kNames), "");
  EXPECT_EQ(closest_name("adam", {}), "");
}

TEST(FailUnknown, ListsTheKnownNames) {
  const auto message = [](const char* name) {
    try {
      fail_unknown("optimizer", name, kNames);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      return std::string(error.what());
    }
  };
  EXPECT_EQ(message("adma"),
            "unknown optimizer 'adma'; did you mean 'adam'? Known: sgd, adam, adamw, cifar10_cnn, "
            "resnet20");
  EXPECT_EQ(message("lion"),
            "unknown optimizer 'lion'; known: sgd, adam, adamw, cifar10_cnn, resnet20");
}

}  // namespace
}  // namespace fovea
