// The parts of the HTML report: sections, and what they are made from.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fovea/json.h"
#include "fovea/plan_report.h"
#include "fovea/report.h"
#include "host/report/test_result.h"

namespace fovea::report {

/// A section of the page; none where `html` is empty.
struct Section {
  std::string id;     ///< "curves"
  std::string title;  ///< as text
  std::string html;
};

/// What the sections tell about.
struct ReportContext {
  Model& model;
  const HtmlReportOptions& options;
  std::string title;
  TestResult test;
  PlanReport plan;
};

Section overview_section(const ReportContext& context);
Section curves_section(const ReportContext& context);
Section confusion_section(const ReportContext& context);
Section predictions_section(const ReportContext& context);
Section scores_section(const ReportContext& context);
Section mistakes_section(const ReportContext& context);
Section network_section(const ReportContext& context);
Section filters_section(const ReportContext& context);
Section maps_section(const ReportContext& context);
Section settings_section(const ReportContext& context);
Section machine_section(const ReportContext& context);

/// The numbers that the page's pictures show, for its script and for other programs: "history"
/// {"epochs", "metrics"}, "confusion" {"classes", "matrix"}, "test" with its metrics, "layers".
/// What is not finite is null.
Json page_data(const ReportContext& context);

/// Counts (classes, classes) of all classes, whether they occur or not; undefined where there are
/// none, or so many classes that nobody could read them.
Tensor confusions(const TestResult& test);

/// Row `index` of the data, without the axis of samples.
Tensor sample_of(const Dataset& data, std::int64_t index);
/// Whether the test set's samples can be shown as pictures.
bool has_pictures(const ReportContext& context);
/// An img element, its picture made smaller where it is large.
std::string picture_tag(const Tensor& sample, const std::string& alt);

/// A row of tags: "<th>" of the first, or "<td>" of all.
std::string table_row(const std::vector<std::string>& escaped_cells, bool head = false);
/// 1536 as "1.5 KB".
std::string bytes_text(double bytes);
/// 1234567 as "1.23 M".
std::string count_text(double count);

}  // namespace fovea::report
