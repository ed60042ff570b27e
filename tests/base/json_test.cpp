// Json: what is accepted, what is refused and where, and that printing loses nothing.
#include "fovea/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "fovea/error.h"

namespace fovea {
namespace {

using std::string_literals::operator""s;

std::string error_of(const std::string& text) {
  try {
    Json::parse(text, "file.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::parse);
    return error.what();
  }
  return "no error";
}

template <class Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::parse);
    return error.what();
  }
  return "no error";
}

TEST(Json, ParsesEveryKind) {
  const Json value = Json::parse(
      R"( {"null": null, "yes": true, "no": false, "int": -7, "double": 2.5e-3,
           "text": "a\"\\\/\b\f\n\r\t", "list": [1, [], {}], "object": {"inner": "x"}} )");
  EXPECT_TRUE(value.at("null").is_null());
  EXPECT_TRUE(value.at("yes").as_bool());
  EXPECT_FALSE(value.at("no").as_bool());
  EXPECT_EQ(value.at("int").as_int(), -7);
  EXPECT_EQ(value.at("double").as_double(), 0.0025);
  EXPECT_EQ(value.at("text").as_string(), "a\"\\/\b\f\n\r\t");
  EXPECT_EQ(value.at("list").size(), 3u);
  EXPECT_EQ(value.at("list")[0].as_int(), 1);
  EXPECT_TRUE(value.at("list")[1].is_array());
  EXPECT_TRUE(value.at("list")[2].is_object());
  EXPECT_EQ(value.at("object").at("inner").as_string(), "x");
  EXPECT_EQ(value.find("absent"), nullptr);
  EXPECT_FALSE(value.contains("absent"));
}

TEST(Json, PrintsOnOneLineOrIndentedInOrderOfInsertion) {
  Json value;
  value.set("z", 1).set("a", Json::array().push("x").push(nullptr)).set("empty", Json::array());
  value.set("none", Json::object()).set("z", 2);
  EXPECT_EQ(value.to_string(), R"({"z":2,"a":["x",null],"empty":[],"none":{}})");
  EXPECT_EQ(value.to_string(2),
            "{\n  \"z\": 2,\n  \"a\": [\n    \"x\",\n    null\n  ],\n  \"empty\": [],\n"
            "  \"none\": {}\n}");
  EXPECT_EQ(Json::parse(value.to_string(2)), value);
}

TEST(Json, IntegersAreExact) {
  for (const std::int64_t value :
       {std::int64_t{0}, std::int64_t{9007199254740993}, std::numeric_limits<std::int64_t>::max(),
        std::numeric_limits<std::int64_t>::min()}) {
    const Json read = Json::parse(Json(value).to_string());
    EXPECT_TRUE(read.is_integer());
    EXPECT_EQ(read.as_int(), value);
  }
  for (const std::uint64_t value :
       {std::uint64_t{0}, std::uint64_t{1} << 63, std::numeric_limits<std::uint64_t>::max()}) {
    EXPECT_EQ(Json::parse(Json(value).to_string()).as_uint(), value);
  }
  EXPECT_TRUE(Json(std::uint64_t{7}).is_integer());
  // A bare number beyond 64 bits is a double, and never passes for an exact integer.
  const Json large = Json::parse("18446744073709551615");
  EXPECT_EQ(large.as_double(), 18446744073709551616.0);
  EXPECT_NE(message_of([&] { (void)large.as_uint(); }), "no error");
}

TEST(Json, IntegralDoublesStandForIntegersWhereThatIsExact) {
  EXPECT_EQ(Json(3.0).as_int(), 3);
  EXPECT_EQ(Json(-9007199254740992.0).as_int(), -9007199254740992);
  EXPECT_NE(message_of([] { (void)Json(9007199254740994.0).as_int(); }), "no error");
  EXPECT_NE(message_of([] { (void)Json(1.5).as_int(); }), "no error");
  EXPECT_NE(message_of([] { (void)Json(std::nan("")).as_int(); }), "no error");
  EXPECT_EQ(Json(3).as_double(), 3.0);
}

TEST(Json, DoublesRoundTripBitForBit) {
  std::mt19937_64 random(1);
  std::vector<double> values = {0.0,
                                -0.0,
                                1.0,
                                0.1,
                                1e22,
                                1e300,
                                std::numeric_limits<double>::max(),
                                std::numeric_limits<double>::min(),
                                std::numeric_limits<double>::denorm_min(),
                                std::numeric_limits<double>::infinity(),
                                -std::numeric_limits<double>::infinity()};
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t bits = random();
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isnan(value)) values.push_back(value);
  }
  for (const double value : values) {
    const std::string text = Json(value).to_string();
    const Json read = Json::parse(text);
    ASSERT_FALSE(read.is_integer()) << text;
    const double back = read.as_double();
    ASSERT_EQ(std::memcmp(&back, &value, sizeof value), 0) << text;
  }
  EXPECT_EQ(Json(0.1).to_string(), "0.1");
  EXPECT_EQ(Json(3.0).to_string(), "3.0");
  EXPECT_EQ(Json(std::nan("")).to_string(), "NaN");
  EXPECT_TRUE(std::isnan(Json::parse("NaN").as_double()));
  EXPECT_EQ(Json::parse("[Infinity,-Infinity]").to_string(), "[Infinity,-Infinity]");
}

TEST(Json, StringsAreUnicode) {
  EXPECT_EQ(Json::parse(R"("\u0041\u00e9\u20AC\ud83d\ude00\u0000")").as_string(),
            "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\0"s);
  const std::string every_control = [] {
    std::string text;
    for (char c = 0; c < 0x20; ++c) text += c;
    return text + "\x7F\"\\ \xC3\xA9 \xF4\x8F\xBF\xBF";
  }();
  EXPECT_EQ(Json::parse(Json(every_control).to_string()).as_string(), every_control);
  EXPECT_EQ(Json("a\n\x01").to_string(), R"("a\n\u0001")");
  // A file name may hold any bytes; what is printed is still JSON.
  EXPECT_EQ(Json::parse(Json("a\xFFz").to_string()).as_string(), "a\xEF\xBF\xBDz");
}

TEST(Json, RefusesBytesThatAreNotUtf8) {
  for (const char* bytes :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x80\x80", "\xED\xA0\x80", "\xE2\x82",
        "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xF0\x9F\x98", "\xFF"}) {
    const std::string message = error_of("\"ab"s + bytes + "\"");
    EXPECT_NE(message.find("column 4: this string is not valid UTF-8"), std::string::npos)
        << message;
  }
}

TEST(Json, ErrorsNameSourceLineAndColumn) {
  EXPECT_EQ(error_of("{\n  \"a\": 1,\n  \"b\" 2\n}"),
            "file.json, line 3, column 7: expected ':' after the key \"b\", found '2'");
  // Columns count characters, not bytes.
  EXPECT_EQ(error_of("[\"\xC3\xA9\xC3\xA9\", x]"),
            "file.json, line 1, column 8: expected a value, found 'x'");
  EXPECT_EQ(error_of(""),
            "file.json, line 1, column 1: expected a value, found the end of the text");
  EXPECT_EQ(error_of("\xEF\xBB\xBF{}"),
            "file.json, line 1, column 1: expected a value, found byte 0xef");
  EXPECT_EQ(error_of("{\"a\":1,\n\"a\":2}"),
            "file.json, line 1, column 1: the key \"a\" appears twice in this object");
}

TEST(Json, RefusesWhatIsNotJson) {
  for (const char* text : {"nul",
                           "nulll",
                           "True",
                           "'a'",
                           "[1,]",
                           "[1 2]",
                           "[,1]",
                           "[1",
                           "{",
                           "{\"a\"}",
                           "{a:1}",
                           "{\"a\":1,}",
                           "{\"a\":}",
                           "{1:2}",
                           "[1}",
                           "]",
                           "1 2",
                           "01",
                           "-",
                           "-a",
                           "+1",
                           ".5",
                           "1.",
                           "1.e5",
                           "1e",
                           "1e+",
                           "0x10",
                           "--1",
                           "\"abc",
                           "\"\\x\"",
                           "\"\\",
                           "\"\\u12",
                           "\"\\u12g4\"",
                           "\"\\u+123\"",
                           "\"\\ud800\"",
                           "\"\\udc00\"",
                           "\"\\ud800\\u0041\"",
                           "\"a\nb\"",
                           "\"a\tb\"",
                           "1e999",
                           "-1e999",
                           "/* */ 1",
                           "nan",
                           "-NaN",
                           "- 1",
                           "[1]]"}) {
    EXPECT_NE(error_of(text), "no error") << text;
  }
  EXPECT_NE(error_of("[1]\0"s), "no error");
  EXPECT_NE(error_of("\0"s), "no error");
}

TEST(Json, EveryPrefixOfATextIsRefused) {
  const std::string text = R"({"a":[1.5e3,true,null],"b":{"c":"\u00e9\n"}})";
  ASSERT_EQ(error_of(text), "no error");
  for (std::size_t length = 0; length < text.size(); ++length) {
    EXPECT_NE(error_of(text.substr(0, length)), "no error") << length;
  }
}

TEST(Json, NestingIsLimited) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(error_of(nested(200)), "no error");
  EXPECT_EQ(error_of(nested(201)), "file.json, line 1, column 201: nested deeper than 200 levels");
  EXPECT_NE(error_of(std::string(1000000, '[')), "no error");
  // Depth counts what is open, not what was opened.
  std::string many = "[";
  for (int i = 0; i < 1000; ++i) many += "[],";
  EXPECT_EQ(error_of(many + "1]"), "no error");
}

TEST(Json, TypedAccessSaysWhatWasExpectedAndFound) {
  const Json value = Json::parse(R"({"epochs": "five", "list": [1]})");
  EXPECT_EQ(message_of([&] { (void)value.at("epochs").as_int(); }),
            "expected an integer in JSON, found the string \"five\"");
  EXPECT_EQ(message_of([&] { (void)value.at("list").as_object(); }),
            "expected an object in JSON, found an array");
  EXPECT_EQ(message_of([&] { (void)value.at("lr"); }),
            "the key \"lr\" is missing in a JSON object with the keys \"epochs\", \"list\"");
  EXPECT_EQ(message_of([&] { (void)value.at("list")[1]; }),
            "element 1 is out of range for a JSON array of 1");
  EXPECT_EQ(message_of([&] { (void)Json(-1).as_uint(); }),
            "expected an integer from 0 to 2^64-1 in JSON, found the number -1");
  for (const char* text : {"", "-1", "1x", "18446744073709551616"}) {
    EXPECT_NE(message_of([&] { (void)Json(text).as_uint(); }), "no error") << text;
  }
  EXPECT_NE(message_of([] { (void)Json(1).as_bool(); }), "no error");
  EXPECT_NE(message_of([] { (void)Json(true).as_double(); }), "no error");
  EXPECT_NE(message_of([] { (void)Json().as_string(); }), "no error");
  EXPECT_NE(message_of([] { (void)Json("a").as_array(); }), "no error");
  EXPECT_NE(message_of([] { Json("a").set("k", 1); }), "no error");
  EXPECT_NE(message_of([] { Json("a").push(1); }), "no error");
}

TEST(Json, RandomDamageNeverCrashes) {
  const std::string text = R"({"a":[1.5e3,true,null,-0.0],"b":{"c":"\u00e9\ud83d\ude00"},"d":"x"})";
  std::mt19937 random(2);
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string damaged = text;
    for (int change = 0; change < 3; ++change) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    try {
      const Json value = Json::parse(damaged);
      // What was accepted prints as text that is accepted again.
      EXPECT_EQ(Json::parse(value.to_string()).to_string(), value.to_string());
    } catch (const Error& error) {
      ++refused;
      EXPECT_EQ(error.code(), ErrorCode::parse);
    }
  }
  EXPECT_GT(refused, 10000);
}

}  // namespace
}  // namespace fovea
