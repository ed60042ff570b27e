#include "host/base/byte_size.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace fovea::test {
namespace {

TEST(ByteSize, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parse_byte_size("0", "x"), 0);
  EXPECT_EQ(parse_byte_size("4096", "x"), 4096);
  EXPECT_EQ(parse_byte_size("2KiB", "x"), 2048);
  EXPECT_EQ(parse_byte_size("1.5 GiB", "x"), 3LL << 29);
  EXPECT_EQ(parse_byte_size("3TiB", "x"), 3LL << 40);
}

TEST(ByteSize, RefusesTheRestAndSaysWhatItWanted) {
  for (const char* text : {"", "GiB", "8GB", "-1", "8GiBs", "nan", "1e300", "8 x"}) {
    expect_error(ErrorCode::invalid_argument, "FOVEA_CUDA_MEMORY is '",
                 [&] { parse_byte_size(text, "FOVEA_CUDA_MEMORY"); });
  }
}

TEST(ByteSize, PrintsTheLargestUnitThatFits) {
  EXPECT_EQ(byte_size_text(512), "512 bytes");
  EXPECT_EQ(byte_size_text(1 << 20), "1.0 MiB");
  EXPECT_EQ(byte_size_text(150109880320), "139.8 GiB");
}

}  // namespace
}  // namespace fovea::test
