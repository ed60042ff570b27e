// Checks what an error says, not only that there is one.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "fovea/error.h"

namespace fovea::test {

/// Expects `action` to throw an Error of this code whose message contains `text`.
inline void expect_error(ErrorCode code, const std::string& text,
                         const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_STREQ(error_code_name(error.code()), error_code_name(code)) << error.what();
    EXPECT_NE(std::string(error.what()).find(text), std::string::npos)
        << "\"" << error.what() << "\" lacks \"" << text << "\"";
    return;
  }
  ADD_FAILURE() << "nothing was thrown; expected: " << text;
}

}  // namespace fovea::test
