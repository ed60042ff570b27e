// Runs what a program in C would do; see c99.c.
#include <filesystem>

#include "tests/c_api/c_api_test_support.h"

extern "C" int use_header_in_c99(const char* path);

namespace {

TEST(CHeader, IsC99AndEnoughForAProgram) {
  const std::string path =
      (std::filesystem::path(testing::TempDir()) / "fovea_c99.safetensors").string();
  EXPECT_EQ(use_header_in_c99(path.c_str()), 0) << fovea_last_error();
  std::filesystem::remove(path);
}

}  // namespace
