// The published tables (Boston housing, iris, wine quality), and Fashion-MNIST, which is MNIST's
// format under other names.
#include <algorithm>
#include <cctype>
#include <sstream>

#include "fovea/datasets.h"
#include "host/data/cells.h"
#include "host/data/files.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBostonColumns = 14;  // 13 features and the price
constexpr std::size_t kBostonDescriptionLines = 22;

/// The price's column by its name, in upper or lower case.
std::string price_column(const Table& table, const fs::path& path) {
  for (const std::string& name : table.names()) {
    std::string lower = name;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (lower == "medv") return name;
  }
  fail(ErrorCode::parse, path, " has no column medv, the price; there are ",
       data::join(table.names()));
}

bool is_csv(fs::path path) {
  if (path.extension() == ".gz") path = path.stem();
  return path.extension() == ".csv";
}

/// StatLib's text: two lines per row, of 11 and 3 numbers.
Dataset read_statlib(const fs::path& path) {
  const std::vector<std::string> lines = data::read_lines(path);
  std::vector<float> x;
  std::vector<float> y;
  std::vector<float> row;
  for (std::size_t i = kBostonDescriptionLines; i < lines.size(); ++i) {
    const std::size_t line_number = i + 1;
    std::istringstream words(lines[i]);
    for (std::string word; words >> word;) {
      const std::optional<double> number = data::number_of(word);
      FOVEA_REQUIRE(number, parse, path, ", line ", line_number, ": \"", word,
                    "\" is no number; after ", kBostonDescriptionLines,
                    " lines of description StatLib's file has numbers alone");
      row.push_back(static_cast<float>(*number));
    }
    const bool second_line = (line_number - kBostonDescriptionLines) % 2 == 0;
    FOVEA_REQUIRE(!second_line || row.size() == kBostonColumns || row.empty(), parse, path,
                  ", line ", line_number, ": this line and the one before have ", row.size(),
                  " numbers, but a row has ", kBostonColumns);
    if (row.size() == kBostonColumns) {
      x.insert(x.end(), row.begin(), row.end() - 1);
      y.push_back(row.back());
      row.clear();
    }
  }
  FOVEA_REQUIRE(row.empty() && !y.empty(), parse, path, " ends at line ", lines.size(),
                y.empty() ? " before the first row" : " in the middle of a row",
                "; it is truncated, or not StatLib's file");
  const std::int64_t rows = std::ssize(y);
  Dataset data;
  data.x = Tensor::from<float>({rows, std::int64_t{kBostonColumns} - 1}, x);
  data.y = Tensor::from<float>({rows, 1}, y);
  return data;
}

}  // namespace

TrainTest load_fashion_mnist(const fs::path& folder) {
  TrainTest data = load_mnist(folder);
  for (Dataset* part : {&data.train, &data.test}) {
    part->class_names = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                         "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
  }
  data.train.name = "fashion_mnist train";
  data.test.name = "fashion_mnist test";
  return data;
}

Dataset load_boston_housing(const fs::path& path) {
  Dataset data;
  if (is_csv(path)) {
    const Table table = read_csv(path);
    FOVEA_REQUIRE(table.names().size() == kBostonColumns, parse, path, " has ",
                  table.names().size(), " columns, but the Boston table has ", kBostonColumns);
    data = regression_data(table, price_column(table, path));
  } else {
    data = read_statlib(path);
  }
  data.name = "boston_housing";
  return data;
}

Dataset load_iris(const fs::path& path) {
  const Table as_rows = read_csv(path, {.header = false});
  FOVEA_REQUIRE(as_rows.names().size() == 5, parse, path, " has ", as_rows.names().size(),
                " columns, but the iris table has 5: four measures and the species");
  const bool has_header = std::none_of(
      as_rows.names().begin(), as_rows.names().end() - 1,
      [&](const auto& name) { return data::number_of(as_rows.text(name)[0]).has_value(); });
  const Table table = has_header ? as_rows.slice(1, as_rows.rows()) : as_rows;
  return classification_data(table, "4", "iris");
}

Table load_wine_quality(const fs::path& red, const fs::path& white) {
  const auto read = [](const fs::path& path, const char* type) {
    Table table = read_csv(path);
    table.set_column("type",
                     std::vector<std::string>(static_cast<std::size_t>(table.rows()), type));
    return table;
  };
  return concatenate({read(red, "red"), read(white, "white")});
}

}  // namespace fovea
