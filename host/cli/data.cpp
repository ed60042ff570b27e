// fovea data: which data sets there are, where they lie, and what they look like.
#include <memory>

#include "fovea/image.h"
#include "host/cli/command.h"
#include "host/cli/data_sets.h"
#include "host/cli/download.h"
#include "host/cli/models.h"

namespace fovea::cli {
namespace {

namespace fs = std::filesystem;

// ---- fovea data list ----

int list_sets(Terminal& terminal, const std::string& folder) {
  std::vector<std::vector<std::string>> rows;
  Json list = Json::array();
  for (const DataSet& set : data_sets()) {
    const auto found = find_data(set, folder);
    const bool built_in = set.folder == nullptr;
    rows.push_back({set.name, set.contents,
                    built_in ? "always there"
                    : found  ? "in " + found->string()
                             : "not found"});
    Json json = Json::object();
    json.set("name", set.name);
    json.set("contents", set.contents);
    json.set("found", built_in || found.has_value());
    if (found) json.set("folder", found->string());
    list.push(json);
  }
  terminal.result() << format_table(rows);
  terminal.info()
      << "\nA folder with one folder of pictures per class, or a CSV file, will do, too.\n";
  terminal.document(Json::object().set("data_sets", list));
  return kSuccess;
}

// ---- fovea data get ----

struct GetRequest {
  std::string set;
  std::string place;
  std::string mirror;
};

int get_set(Terminal& terminal, const GetRequest& request) {
  const fs::path place = request.place.empty() ? data_cache() : fs::path(request.place);
  std::string mirror = request.mirror;
  if (!mirror.empty() && !mirror.ends_with("/")) mirror += "/";
  const fs::path folder = download(request.set, place, mirror, terminal.interactive());
  terminal.result() << request.set << " is in " << folder.string() << '\n';
  terminal.document(Json::object().set("name", request.set).set("folder", folder.string()));
  return kSuccess;
}

// ---- fovea data make ----

struct MakeRequest {
  DataChoice data;
  std::string folder;
};

/// A name that can be a folder's: "T-shirt/top" has a character that cannot.
std::string folder_name(const Dataset& part, std::int64_t label) {
  const auto index = static_cast<std::size_t>(label);
  std::string name =
      index < part.class_names.size() ? part.class_names[index] : std::to_string(label);
  std::replace(name.begin(), name.end(), '/', '-');
  return name;
}

std::int64_t write_pictures(const Dataset& part, const fs::path& folder) {
  for (std::int64_t i = 0; i < part.size(); ++i) {
    const fs::path place = folder / folder_name(part, static_cast<std::int64_t>(part.y.item(i)));
    fs::create_directories(place);
    std::string number = std::to_string(i);
    number.insert(0, 5 - std::min<std::size_t>(number.size(), 5), '0');
    write_image(place / (number + ".png"),
                part.x.slice(i, i + 1).reshape(part.x.shape().drop_front()));
  }
  return part.size();
}

int make_pictures(Terminal& terminal, const MakeRequest& request) {
  const fs::path folder = request.folder;
  std::error_code ignored;
  FOVEA_REQUIRE(!fs::exists(folder, ignored) || fs::is_empty(folder, ignored), invalid_argument,
                request.folder, " exists already; name another folder");
  FOVEA_REQUIRE(!is_own_data(request.data), invalid_argument, request.data.name,
                " is a path, not the name of a data set; see: fovea data list");
  const TrainTest data = load_data(request.data, std::nullopt);
  FOVEA_REQUIRE(data.train.x.dtype() == DType::u8 && data.train.x.shape().rank() == 4,
                invalid_argument, request.data.name, " has no pictures, but rows of numbers");
  std::int64_t count = 0;
  try {
    count += write_pictures(data.train, folder / "train");
    count += write_pictures(data.test, folder / "test");
  } catch (const fs::filesystem_error& error) {
    fail(ErrorCode::io, "cannot make the folder ", error.path1().string(), ": ",
         error.code().message());
  }
  terminal.result() << format_count(count) << " pictures are in " << request.folder << '\n';
  terminal.document(Json::object().set("folder", request.folder).set("pictures", count));
  return kSuccess;
}

}  // namespace

Action add_data(CLI::App& app) {
  app.require_subcommand(1);
  app.footer(
      "Examples:\n  fovea data list\n  fovea data get mnist\n"
      "  fovea data make mnist digits --test-samples 10");

  CLI::App* list = app.add_subcommand("list", "Which data sets there are, and where");
  const auto folder = std::make_shared<std::string>();
  list->add_option("--data", *folder, "Look in this folder")->type_name("DIR");
  list->footer("Examples:\n  fovea data list\n  fovea data list --json");

  CLI::App* get = app.add_subcommand("get", "Fetch a data set");
  const auto wanted = std::make_shared<GetRequest>();
  get->add_option("NAME", wanted->set, "A data set")
      ->type_name(" ")
      ->required()
      ->check(one_of("data set to fetch", downloadable_sets()));
  get->add_option("--data", wanted->place, "Where to put it (default: ~/.cache/fovea)")
      ->type_name("DIR");
  get->add_option("--mirror", wanted->mirror, "Another address that the files lie at")
      ->type_name("URL");
  get->footer(
      "Every file is checked against its published sum.\n\n"
      "Examples:\n  fovea data get cifar10\n  fovea data get mnist --data ~/data");

  CLI::App* make = app.add_subcommand("make", "Write a data set's pictures as PNG files");
  const auto made = std::make_shared<MakeRequest>();
  made->data.train_samples = 2000;
  made->data.test_samples = 500;
  make->add_option("NAME", made->data.name, "A data set of pictures, such as synthetic")
      ->type_name(" ")
      ->required();
  make->add_option("DIR", made->folder, "The folder to write")->type_name(" ")->required();
  make->add_option("--data", made->data.folder, "Folder of the data set")->type_name("DIR");
  make->add_option("--train-samples", made->data.train_samples, "Default: 2000")
      ->type_name("N")
      ->check(in_range(1));
  make->add_option("--test-samples", made->data.test_samples, "Default: 500")
      ->type_name("N")
      ->check(in_range(1));
  make->footer(
      "The folder gets train/CLASS/NUMBER.png and test/CLASS/NUMBER.png, as fovea train\n"
      "reads them.\n\n"
      "Examples:\n  fovea data make synthetic shapes\n"
      "  fovea data make mnist digits --train-samples 100 --test-samples 10");

  return [=](Terminal& terminal) {
    if (list->parsed()) return list_sets(terminal, *folder);
    if (get->parsed()) return get_set(terminal, *wanted);
    return make_pictures(terminal, *made);
  };
}

}  // namespace fovea::cli
