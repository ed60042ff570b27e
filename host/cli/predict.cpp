// fovea predict: what pictures show.
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "fovea/image.h"
#include "fovea/metrics.h"
#include "fovea/preprocessing.h"
#include "host/cli/command.h"
#include "host/cli/data_sets.h"
#include "host/cli/models.h"

namespace fovea::cli {
namespace {

constexpr const char* kFooter =
    "Pictures (JPEG, PNG) are resized and coloured as the model's input wants. Pixels are 0\n"
    "to 255, as the models of the zoo take them; --scale multiplies them for models that do\n"
    "not (0.003921569 for 0 to 1). Networks for digits read light strokes on a dark ground,\n"
    "so a grey picture with a light ground is inverted for models of one channel; --invert\n"
    "says otherwise.\n"
    "\n"
    "Examples:\n"
    "  fovea predict RUN/best.fov digit.png\n"
    "  fovea predict RUN cat.jpg dog.jpg --top 3 --json\n"
    "  fovea predict model.keras photo.jpg --scale 0.003921569";

struct Request {
  std::string model;
  std::vector<std::string> pictures;
  std::string invert = "auto";
  std::int64_t top = 5;
  double scale = 1;
  DeviceChoice device;
};

/// Whether the border of a grey picture, which is mostly ground, is light.
bool has_light_ground(const Tensor& picture) {
  const std::int64_t height = picture.shape()[0];
  const std::int64_t width = picture.shape()[1];
  double sum = 0;
  std::int64_t count = 0;
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      if (y != 0 && y != height - 1 && x != 0 && x != width - 1) continue;
      sum += picture.data<std::uint8_t>()[y * width + x];
      ++count;
    }
  }
  return sum > 127.5 * static_cast<double>(count);
}

Tensor inverted(const Tensor& picture) {
  Tensor result = picture.clone();
  for (std::uint8_t& pixel : result.span<std::uint8_t>()) {
    pixel = static_cast<std::uint8_t>(255 - pixel);
  }
  return result;
}

/// A picture as the model wants it, (1, H, W, C), and whether it was inverted.
struct Prepared {
  Tensor input;
  bool inverted = false;
};

Prepared prepare(const std::string& path, const PictureShape& shape, const Request& request) {
  const bool grey = shape.channels == 1;
  Tensor picture = read_image(path, grey ? ImageColor::grayscale : ImageColor::rgb);
  Prepared prepared;
  prepared.inverted =
      request.invert == "yes" || (request.invert == "auto" && grey && has_light_ground(picture));
  if (prepared.inverted) picture = inverted(picture);
  picture = resize_image(picture, Size2(shape.height, shape.width), {.antialias = true});
  if (request.scale != 1) {
    picture = picture.to(DType::f32);
    for (float& pixel : picture.span<float>()) {
      pixel *= static_cast<float>(request.scale);
    }
  }
  prepared.input = add_batch_axis(picture);
  return prepared;
}

// ---- Answers ----

struct Answer {
  std::string name;
  double value;
};

/// Outputs as numbers of classes, the likeliest first; of a single output, of both its classes.
std::vector<Answer> ranked(const Tensor& output, const std::vector<std::string>& names) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < output.numel(); ++i) values.push_back(output.item(i));
  if (values.size() == 1) values.insert(values.begin(), 1 - values.front());
  std::vector<Answer> answers;
  for (std::size_t i = 0; i < values.size(); ++i) {
    answers.push_back({i < names.size() ? names[i] : "class " + std::to_string(i), values[i]});
  }
  std::stable_sort(answers.begin(), answers.end(), [](const Answer& a, const Answer& b) {
    return a.value > b.value || (std::isnan(b.value) && !std::isnan(a.value));  // NaN is last
  });
  return answers;
}

/// Numbers that are no probabilities become them.
Tensor softmax(const Tensor& logits) {
  Tensor result = logits.to(DType::f32).clone();
  const auto values = result.span<float>();
  const float largest = *std::max_element(values.begin(), values.end());
  float sum = 0;
  for (float& value : values) sum += value = std::exp(value - largest);
  for (float& value : values) value /= sum;
  return result;
}

Tensor probabilities(const Tensor& output, bool already) {
  if (already) return output;
  if (output.numel() > 1) return softmax(output);
  return Tensor::full({1}, 1 / (1 + std::exp(-output.item())));
}

std::string percent(double value) {
  char text[16];
  std::snprintf(text, sizeof text, "%6.2f %%", 100 * value);
  return text;
}

int predict(Terminal& terminal, const Request& request) {
  Model model = load_trained(request.model, {.device = request.device.device,
                                             .precision = request.device.precision,
                                             .threads = request.device.threads});
  const auto shape = picture_shape(model.network());
  FOVEA_REQUIRE(shape && model.network().outputs().size() == 1, shape_mismatch, request.model,
                " is not for pictures: it takes samples of shape ",
                model.network().inputs().front().shape);
  const bool already = gives_probabilities(model.network());
  const std::vector<std::string>& names = model.options().class_names;
  Json documents = Json::array();
  for (const std::string& path : request.pictures) {
    const Prepared prepared = prepare(path, *shape, request);
    const auto answers = ranked(probabilities(model.predict(prepared.input), already), names);
    const std::size_t count = std::min(answers.size(), static_cast<std::size_t>(request.top));
    terminal.result() << terminal.bold(path + ": " + answers.front().name)
                      << (prepared.inverted && request.invert == "auto"
                              ? "  (inverted: its ground is light; see --invert)"
                              : "")
                      << '\n';
    Json top = Json::array();
    std::vector<std::vector<std::string>> rows;
    for (std::size_t i = 0; i < count; ++i) {
      rows.push_back({" " + percent(answers[i].value), answers[i].name});
      Json answer = Json::object();
      answer.set("name", answers[i].name);
      answer.set("probability", finite_or_null(answers[i].value));
      top.push(answer);
    }
    terminal.result() << format_table(rows);
    Json document = Json::object();
    document.set("picture", path);
    document.set("inverted", prepared.inverted);
    document.set("top", top);
    documents.push(document);
  }
  terminal.document(Json::object().set("model", request.model).set("predictions", documents));
  return kSuccess;
}

}  // namespace

Action add_predict(CLI::App& app) {
  const auto request = std::make_shared<Request>();
  app.add_option("MODEL.fov", request->model, "A model file, or a run folder")
      ->type_name(" ")
      ->required();
  app.add_option("IMAGE", request->pictures, "JPEG or PNG files")->type_name(" ")->required();
  app.add_option("--top", request->top, "How many classes to name (default: 5)")
      ->type_name("K")
      ->check(in_range(1));
  app.add_option("--invert", request->invert,
                 "Swap light and dark: auto, yes or no (default: auto)")
      ->type_name("WHEN")
      ->check(one_of("choice", {"auto", "yes", "no"}));
  app.add_option("--scale", request->scale, "Multiplies the pixels, 0 to 255 (default: 1)")
      ->type_name("X");
  add_device_options(app, request->device);
  app.footer(kFooter);
  return [request](Terminal& terminal) { return predict(terminal, *request); };
}

}  // namespace fovea::cli
