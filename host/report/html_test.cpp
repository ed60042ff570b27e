// The report's sections about the test set: confusions, scores, mistakes.
#include <algorithm>
#include <array>
#include <cmath>

#include "fovea/error.h"
#include "fovea/image.h"
#include "fovea/metrics.h"
#include "host/report/axis.h"
#include "host/report/html.h"
#include "host/report/svg.h"
#include "host/report/tiles.h"

namespace fovea::report {
namespace {

constexpr std::size_t kMostClasses = 200;     // of a matrix
constexpr std::int64_t kLargestPicture = 96;  // pixels of a side

/// Why a classifier's sections are missing, where a test set was given.
std::string reason_note(const TestResult& test) {
  return "<p class=\"note\">There is nothing to show here: " + escape(test.none_because) + ".</p>";
}

std::vector<double> numbers_of(const Tensor& tensor) {
  std::vector<double> numbers;
  for (std::int64_t i = 0; i < tensor.numel(); ++i) numbers.push_back(tensor.item(i));
  return numbers;
}

/// Predicted numbers over true ones, on the same scales.
Picture scatter_picture(const std::vector<double>& truth, const std::vector<double>& predicted) {
  constexpr double kLeft = 70;
  constexpr double kTop = 14;
  constexpr double kSide = 380;
  constexpr std::size_t kMostPoints = 2000;
  std::vector<double> all = truth;
  all.insert(all.end(), predicted.begin(), predicted.end());
  const Axis axis = axis_of(all);
  const auto x = [&](double value) { return kLeft + kSide * axis.place(value); };
  const auto y = [&](double value) { return kTop + kSide * (1 - axis.place(value)); };
  Svg svg(true);
  for (const Tick& tick : axis.ticks(7)) {
    svg.line(kLeft, y(tick.value), kLeft + kSide, y(tick.value), "class=\"fv-grid\"");
    svg.line(x(tick.value), kTop, x(tick.value), kTop + kSide, "class=\"fv-grid\"");
    svg.text(kLeft - 7, y(tick.value) + 4, tick.label, {.anchor = "end", .size = 11});
    svg.text(x(tick.value), kTop + kSide + 17, tick.label, {.anchor = "middle", .size = 11});
  }
  svg.line(kLeft, kTop + kSide, kLeft + kSide, kTop, "class=\"fv-axis\" stroke-width=\"1.5\"");
  std::string dots;
  for (std::size_t i = 0; i < std::min(truth.size(), kMostPoints); ++i) {
    if (!axis.shows(truth[i]) || !axis.shows(predicted[i])) continue;
    dots += "M" + coordinate(x(truth[i])) + " " + coordinate(y(predicted[i])) + "h0";
  }
  if (!dots.empty()) {
    svg.path(dots,
             "class=\"fv-train fv-points\" stroke-width=\"6\" stroke-linecap=\"round\" "
             "stroke-opacity=\".55\"");
  }
  svg.text(kLeft + kSide / 2, kTop + kSide + 38, "true", {.anchor = "middle", .bold = true});
  svg.text(18, kTop + kSide / 2, "predicted", {.anchor = "middle", .bold = true, .turn = -90});
  return svg.finish(kLeft + kSide + 20, kTop + kSide + 50, "Predicted numbers over true ones");
}

std::string score_row(const std::string& name, const std::array<double, 3>& scores,
                      std::int64_t support) {
  return "<tr><th scope=\"row\">" + escape(name) + "</th>" + "<td>" + fixed(scores[0], 3) +
         "</td><td>" + fixed(scores[1], 3) + "</td><td>" + fixed(scores[2], 3) + "</td><td>" +
         with_commas(support) + "</td></tr>";
}

}  // namespace

Tensor confusions(const TestResult& test) {
  if (!test.classified() || test.class_names.size() > kMostClasses) return {};
  std::vector<std::int32_t> labels;
  for (std::size_t c = 0; c < test.class_names.size(); ++c) {
    labels.push_back(static_cast<std::int32_t>(c));
  }
  return confusion_matrix(test.truth, test.predicted, labels);
}

std::string picture_tag(const Tensor& sample, const std::string& alt) {
  Tensor picture = showable(sample);
  const std::int64_t side = std::max(picture.shape()[0], picture.shape()[1]);
  if (side > kLargestPicture) {
    const auto smaller = [&](std::int64_t size) {
      return std::max<std::int64_t>(1, size * kLargestPicture / side);
    };
    picture = resize_image(picture, {smaller(picture.shape()[0]), smaller(picture.shape()[1])},
                           {.antialias = true});
  }
  return "<img alt=\"" + escape(alt) + "\" src=\"" + png_uri(picture) + "\">";
}

Tensor sample_of(const Dataset& data, std::int64_t index) {
  return data.x.slice(index, index + 1).reshape(data.x.shape().drop_front());
}

bool has_pictures(const ReportContext& context) {
  const Dataset& data = context.test.data;
  return data.x.defined() && data.size() > 0 && showable(sample_of(data, 0)).defined();
}

Section confusion_section(const ReportContext& context) {
  Section section{"confusion", "Confusion matrix", ""};
  if (!context.options.test || context.test.numbers.defined()) return section;
  if (!context.test.classified()) {
    section.html = reason_note(context.test);
    return section;
  }
  const Tensor counts = confusions(context.test);
  if (!counts.defined()) {
    section.html = "<p class=\"note\">The matrix of " +
                   with_commas(std::ssize(context.test.class_names)) +
                   " classes is too large to be read.</p>";
    return section;
  }
  const Picture picture = draw_confusion_matrix(counts, context.test.class_names, {.title = ""});
  section.html = "<figure class=\"card matrix natural\" tabindex=\"0\">" + inline_svg(picture) +
                 "</figure><p class=\"note\">Rows are true classes, columns predicted ones. Point "
                 "at a cell, or choose the matrix and use the arrow keys, to read it.</p>";
  return section;
}

Section predictions_section(const ReportContext& context) {
  Section section{"predictions", "Predictions", ""};
  if (!context.test.numbers.defined()) return section;
  const std::vector<double> truth = numbers_of(context.test.data.y);
  const std::vector<double> predicted = numbers_of(context.test.numbers);
  const auto count = static_cast<double>(truth.size());
  double mean = 0;
  for (const double value : truth) mean += value / count;
  double absolute = 0;
  double squares = 0;
  double variation = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const double error = predicted[i] - truth[i];
    absolute += std::fabs(error) / count;
    squares += error * error;
    variation += (truth[i] - mean) * (truth[i] - mean);
  }
  std::string note = "Mean absolute error " + readable(absolute) +
                     ", root of the mean squared error " + readable(std::sqrt(squares / count));
  if (variation > 0) note += ", R² " + fixed(1 - squares / variation, 3);
  section.html = "<figure class=\"card natural\">" + inline_svg(scatter_picture(truth, predicted)) +
                 "</figure><p class=\"note\">" + note +
                 ". Each point is a sample; on the line, predictions are right.</p>";
  return section;
}

Section scores_section(const ReportContext& context) {
  Section section{"scores", "Scores by class", ""};
  const TestResult& test = context.test;
  if (!test.classified()) return section;
  const ClassScores scores = precision_recall_fscore_support(test.truth, test.predicted);
  std::string rows;
  std::int64_t total = 0;
  for (std::size_t i = 0; i < scores.labels.size(); ++i) {
    rows += score_row(test.class_names[static_cast<std::size_t>(scores.labels[i])],
                      {scores.precision[i], scores.recall[i], scores.f1[i]}, scores.support[i]);
    total += scores.support[i];
  }
  std::string averages;
  for (const char* average : {"macro", "weighted"}) {
    const ScoreOptions options{.average = average};
    averages += score_row(std::string(average) + " average",
                          {precision_score(test.truth, test.predicted, options),
                           recall_score(test.truth, test.predicted, options),
                           f1_score(test.truth, test.predicted, options)},
                          total);
  }
  section.html =
      "<div class=\"scroll\" tabindex=\"0\"><table class=\"scores\"><thead>" +
      table_row({"Class", "Precision", "Recall", "F1", "Samples"}, true) + "</thead><tbody>" +
      rows + "</tbody><tfoot>" + averages + "</tfoot></table></div><p class=\"note\">Accuracy " +
      percent(accuracy_score(test.truth, test.predicted), 2) + " on " + with_commas(total) +
      " samples. Precision: of those predicted so, the share that is; recall: of those that are, "
      "the share predicted so.</p>";
  return section;
}

Section mistakes_section(const ReportContext& context) {
  Section section{"mistakes", "Mistakes", ""};
  const TestResult& test = context.test;
  if (!test.classified() || context.options.mistakes == 0) return section;
  const auto name = [&](std::int32_t label) {
    return test.class_names[static_cast<std::size_t>(label)];
  };
  const bool pictures = has_pictures(context);
  const std::int64_t shown = std::min(context.options.mistakes, std::ssize(test.mistakes));
  std::string items;
  for (std::int64_t i = 0; i < shown; ++i) {
    const Mistake& mistake = test.mistakes[static_cast<std::size_t>(i)];
    const std::string number = std::to_string(mistake.sample);
    items += "<li data-sample=\"" + number + "\">";
    if (pictures) {
      items += picture_tag(sample_of(test.data, mistake.sample),
                           "Sample " + number + ": " + name(mistake.truth) + ", taken for " +
                               name(mistake.predicted));
    } else {
      items += "<small>sample " + number + "</small>";
    }
    items += "<b>" + escape(name(mistake.predicted)) + " " + percent(mistake.probability) +
             "</b><span>is " + escape(name(mistake.truth)) + "</span></li>";
  }
  const std::string count = with_commas(std::ssize(test.mistakes)) + " of " +
                            with_commas(test.truth.numel()) + " samples";
  if (shown == 0) {
    section.html = "<p class=\"note\">None: 0 of " + with_commas(test.truth.numel()) +
                   " samples were taken for another class.</p>";
    return section;
  }
  section.html = "<p class=\"note\">" + count +
                 " were taken for another class. Here are those of which the model was most "
                 "certain: what it took them for, how probable it found that, and what they "
                 "are.</p><ol class=\"mistakes\">" +
                 items + "</ol>";
  return section;
}

}  // namespace fovea::report
