// Tables and CSV files: what is read, what becomes of it, and every way a file can be wrong.
#include "fovea/table.h"

#include <cmath>

#include "fovea/preprocessing.h"
#include "host/data/process.h"
#include "tests/data/data_test_support.h"

namespace fovea::test {
namespace {

using Texts = std::vector<std::string>;

Table wine() {
  return parse_csv(
      "alcohol,quality,type\n"
      "9.4,5,red\n"
      "10.5,7,white\n"
      "NA,5,white\n");
}

void expect_parse_error(const std::string& text, const std::vector<std::string>& parts,
                        const CsvOptions& options = {}) {
  expect_error(ErrorCode::parse, parts, [&] { parse_csv(text, options, "wine.csv"); });
}

TEST(Csv, ReadsNamesNumbersAndTexts) {
  const Table table = wine();
  EXPECT_EQ(table.rows(), 3);
  EXPECT_EQ(table.names(), (Texts{"alcohol", "quality", "type"}));
  EXPECT_EQ(table.text("type"), (Texts{"red", "white", "white"}));
  const std::vector<double> alcohol = table.numbers("alcohol");
  EXPECT_EQ(alcohol[1], 10.5);
  EXPECT_TRUE(std::isnan(alcohol[2]));
  EXPECT_TRUE(table.is_numeric("alcohol"));
  EXPECT_FALSE(table.is_numeric("type"));
  EXPECT_EQ(table.count_missing("alcohol"), 1);
}

TEST(Csv, FindsTheSeparator) {
  for (const char* text :
       {"a,b,c\n1,2,3\n", "a;b;c\n1;2;3\n", "a\tb\tc\n1\t2\t3\n", "\n\"a,x;\";\"b\";c\n1;2;3\n"}) {
    const Table table = parse_csv(text);
    EXPECT_EQ(table.names().size(), 3U) << text;
    EXPECT_EQ(table.numbers("c"), std::vector<double>{3}) << text;
  }
  EXPECT_EQ(parse_csv("a|b\n1,5|2\n", {.separator = '|'}).text("a"), Texts{"1,5"});
  EXPECT_EQ(parse_csv("a\n1\n2\n").numbers("a"), (std::vector<double>{1, 2}));
}

TEST(Csv, ReadsQuotesLineEndsAndAByteOrderMark) {
  const Table table = parse_csv(
      "\xEF\xBB\xBF\"name\" , note\r\n"
      "\"Smith, \"\"Jo\"\"\",\"two\r\nlines\"\r\n"
      "\r\n"
      "  plain text  ,in \"mid\" cell\r\n"
      "\"\",last");
  EXPECT_EQ(table.names(), (Texts{"name", "note"}));
  EXPECT_EQ(table.text("name"), (Texts{"Smith, \"Jo\"", "plain text", ""}));
  EXPECT_EQ(table.text("note"), (Texts{"two\r\nlines", "in \"mid\" cell", "last"}));
}

TEST(Csv, KnowsMissingValues) {
  const Table table = parse_csv("a,b\n,1\nNA,2\nnan,3\n?,4\nNaN,5\n\"null\",6\n7,8\n");
  EXPECT_EQ(table.count_missing("a"), 6);
  EXPECT_EQ(table.numbers("a")[6], 7);
  const Table names = parse_csv("NA\nNA\n-\n", {.missing = {"-"}});
  EXPECT_EQ(names.text("NA"), (Texts{"NA", ""}));
  EXPECT_EQ(parse_csv("EU,NA\n1,na\n").text("NA"), Texts{""});
}

TEST(Csv, TakesOtherNamesOrNone) {
  const Table iris = parse_csv("5.1,3.5,setosa\n", {.header = false});
  EXPECT_EQ(iris.names(), (Texts{"0", "1", "2"}));
  EXPECT_EQ(iris.rows(), 1);
  const Table named = parse_csv("5.1,setosa\n", {.header = false, .names = {"length", "species"}});
  EXPECT_EQ(named.numbers("length"), std::vector<double>{5.1});
  EXPECT_EQ(parse_csv("x,y\n1,2\n", {.names = {"a", "b"}}).names(), (Texts{"a", "b"}));
  expect_error(ErrorCode::invalid_argument, {"CSV", "3 names", "2 columns"}, [] {
    parse_csv("1,2\n", {.header = false, .names = {"a", "b", "c"}});
  });
}

TEST(Csv, NamesFileAndLineOfARaggedRow) {
  expect_parse_error("a,b\n1,2\n\n3\n", {"wine.csv, line 4", "1 cell,", "first row has 2"});
  expect_parse_error("a,b\n\"x\ny\",2\n3,4,5\n", {"wine.csv, line 4", "3 cells"});
  TempFolder folder;
  write_file(folder / "wine.csv", {'a', ',', 'b', '\n', '1', '\n'});
  expect_error(ErrorCode::parse, {(folder / "wine.csv").string(), "line 2"},
               [&] { read_csv(folder / "wine.csv"); });
}

TEST(Csv, RefusesWhatIsNoCsv) {
  expect_parse_error("", {"wine.csv", "no rows"});
  expect_parse_error("a,b\n", {"no rows below its header"});
  expect_parse_error("a,b\n1,\"2\n3,4\n", {"line 2", "does not end"});
  expect_parse_error("a,b\n1,\"2\"x\n", {"line 2", "\"2\" is followed"});
  expect_parse_error(std::string("PK\0\1", 4), {"byte 2 is zero", "no text file"});
  expect_error(ErrorCode::invalid_argument, {"cannot separate"},
               [] { parse_csv("a b\n", {.separator = ' '}); });
  expect_error(ErrorCode::io, {"nowhere.csv"}, [] { read_csv("/nowhere.csv"); });
  expect_error(ErrorCode::invalid_argument, {"two columns have the name 'a'"},
               [] { parse_csv("a,a\n1,2\n"); });
}

TEST(Csv, NamesACellThatIsNoNumber) {
  expect_error(ErrorCode::parse, {"column 'type', row 0", "\"red\"", "encode_column"},
               [] { wine().to_tensor(); });
  expect_error(ErrorCode::parse, {"\"1x\""}, [] { parse_csv("a\n1x\n").numbers("a"); });
  EXPECT_EQ(parse_csv("a\n+1e3\n").numbers("a"), std::vector<double>{1000});
}

TEST(Csv, WritesWhatItReads) {
  const TempFolder folder;
  Table table({"text", "with \"quote\""}, {{"a,b", "c\nd", " e", ""}, {"1", "2", "", "4"}});
  write_csv(table, folder / "out.csv");
  const Table read = read_csv(folder / "out.csv");
  EXPECT_EQ(read.names(), table.names());
  EXPECT_EQ(read.text("text"), table.text("text"));
  EXPECT_EQ(read.text("with \"quote\""), table.text("with \"quote\""));
  const Table single({"only"}, {{"", "x"}});
  write_csv(single, folder / "single.csv");
  EXPECT_EQ(read_csv(folder / "single.csv").text("only"), (Texts{"", "x"}));
  expect_error(ErrorCode::invalid_argument, {"without columns"},
               [&] { write_csv(Table(), folder / "x.csv"); });
  expect_error(ErrorCode::io, {"nowhere"}, [&] { write_csv(single, "/nowhere/x.csv"); });
}

TEST(Csv, WritesASubmission) {
  const TempFolder folder;
  Table submission;
  const std::vector<double> ids = {0, 1}, qualities = {6, 5.25};
  submission.set_column("index", ids);
  submission.set_column("quality", qualities);
  write_csv(submission, folder / "submission.csv");
  const Bytes bytes = read_file(folder / "submission.csv");
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "index,quality\n0,6\n1,5.25\n");
}

TEST(Csv, ReadsCompressedFiles) {
  const TempFolder folder;
  write_csv(wine(), folder / "wine.csv");
  ASSERT_EQ(data::run_process({"gzip", (folder / "wine.csv").string()}).exit_code, 0);
  try {
    EXPECT_EQ(read_csv(folder / "wine.csv.gz").rows(), 3);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported) throw;
    GTEST_SKIP() << "the library was built without zlib";
  }
}

TEST(Table, SelectsDropsAndTakes) {
  const Table table = wine();
  EXPECT_EQ(table.select({"type", "quality"}).names(), (Texts{"type", "quality"}));
  EXPECT_EQ(table.drop({"quality"}).names(), (Texts{"alcohol", "type"}));
  const std::vector<std::int64_t> rows = {2, 0};
  EXPECT_EQ(table.take(rows).text("type"), (Texts{"white", "red"}));
  EXPECT_EQ(table.slice(1, 2).text("type"), Texts{"white"});
  for (const auto& action :
       std::vector<std::function<void()>>{[&] { table.text("typ"); }, [&] { table.drop({"typ"}); },
                                          [&] { table.select({"typ"}); }}) {
    expect_error(ErrorCode::invalid_argument, {"no column 'typ'", "alcohol, quality, type"},
                 action);
  }
  const std::vector<std::int64_t> wrong = {3};
  expect_error(ErrorCode::invalid_argument, {"row 3"}, [&] { table.take(wrong); });
  expect_error(ErrorCode::invalid_argument, {"rows [2, 4)"}, [&] { table.slice(2, 4); });
}

TEST(Table, ChangesColumns) {
  Table table = wine();
  table.rename("type", "colour");
  EXPECT_TRUE(table.contains("colour"));
  EXPECT_FALSE(table.contains("type"));
  expect_error(ErrorCode::invalid_argument, {"'colour'", "'quality' already"},
               [&] { table.rename("colour", "quality"); });
  expect_error(ErrorCode::shape_mismatch, {"'id'", "2 values", "3 rows"}, [&] {
    table.set_column("id", Texts{"1", "2"});
  });
  table.fill_missing("alcohol", "10");
  EXPECT_EQ(table.numbers("alcohol")[2], 10);
  table.set_column("colour", Texts{"", "white", "red"});
  table.set_column("colour", Texts{"", "red", "red"});
  table.fill_missing("colour");
  EXPECT_EQ(table.text("colour"), (Texts{"red", "red", "red"}));
  table.set_column("colour", Texts{"", "", ""});
  expect_error(ErrorCode::invalid_argument, {"'colour'", "no value"},
               [&] { table.fill_missing("colour"); });
  expect_error(ErrorCode::shape_mismatch, {"'b' has 2 rows", "'a' has 1"}, [] {
    Table({"a", "b"}, {{"1"}, {"1", "2"}});
  });
}

TEST(Table, Concatenates) {
  const Table both = concatenate({wine(), wine().select({"type", "quality", "alcohol"})});
  EXPECT_EQ(both.rows(), 6);
  EXPECT_EQ(both.text("type")[3], "red");
  expect_error(ErrorCode::invalid_argument, {"same columns", "table 1", "alcohol, type"}, [] {
    concatenate({wine(), wine().drop({"quality"})});
  });
  expect_error(ErrorCode::invalid_argument, {"no tables"}, [] { concatenate({}); });
}

TEST(Table, BecomesDataSets) {
  const Table table = wine().slice(0, 2);
  const Dataset kinds = classification_data(table, "type", "wine");
  EXPECT_NO_THROW(kinds.check());
  EXPECT_EQ(kinds.class_names, (Texts{"red", "white"}));
  EXPECT_EQ(kinds.x.shape(), (Shape{2, 2}));
  EXPECT_EQ(kinds.x.item(2), 10.5F);
  EXPECT_EQ(kinds.y.item(1), 1);
  EXPECT_EQ(kinds.name, "wine");
  const Dataset strength = regression_data(table.drop({"type"}), "alcohol");
  EXPECT_EQ(strength.y.shape(), (Shape{2, 1}));
  EXPECT_EQ(strength.y.item(0), 9.4F);
  expect_error(ErrorCode::invalid_argument, {"'alcohol'", "missing in 1 of 3"},
               [] { regression_data(wine().drop({"type"}), "alcohol"); });
  expect_error(ErrorCode::invalid_argument, {"row 2", "missing"},
               [] { classification_data(wine().drop({"type"}), "alcohol"); });
  expect_error(ErrorCode::invalid_argument, {"without rows"}, [] { Table().to_tensor(); });
}

}  // namespace
}  // namespace fovea::test
