// The HTML report: its sections put together.
#include "fovea/error.h"
#include "fovea/version.h"
#include "host/io/atomic_file.h"
#include "host/report/embedded.h"
#include "host/report/html.h"
#include "host/report/page_text.h"
#include "host/report/svg.h"

namespace fovea {
namespace report {
namespace {

void check(const HtmlReportOptions& options) {
  const auto check_count = [](const char* name, std::int64_t value, std::int64_t least) {
    FOVEA_REQUIRE(value >= least, invalid_argument, "a report's ", name, " is at least ", least,
                  ", not ", value);
  };
  check_count("max_test_samples", options.max_test_samples, 1);
  check_count("mistakes", options.mistakes, 0);
  check_count("sample_pictures", options.sample_pictures, 0);
  check_count("batch_size", options.batch_size, 1);
  FOVEA_REQUIRE(options.settings.is_null() || options.settings.is_object(), invalid_argument,
                "a report's settings are a JSON object");
}

std::string subtitle(const ReportContext& context) {
  const Network& network = context.model.network();
  std::string text = network.name() + ", " + with_commas(network.parameter_count()) + " parameters";
  if (const std::optional<Dataset>& test = context.options.test) {
    text += ", tested on " + with_commas(context.test.data.size()) + " samples of " +
            (test->name.empty() ? "a data set" : test->name);
  }
  return text;
}

/// In the order of the page.
constexpr Section (*kSections[])(const ReportContext&) = {
    overview_section, curves_section,   confusion_section, predictions_section,
    scores_section,   mistakes_section, network_section,   filters_section,
    maps_section,     settings_section, machine_section};

std::string page_of(const ReportContext& context) {
  std::string contents;
  std::string sections;
  for (const auto make : kSections) {
    const Section section = make(context);
    if (section.html.empty()) continue;
    const std::string heading = escape(section.title);
    contents += "<li><a href=\"#" + section.id + "\">" + heading + "</a></li>\n";
    sections += "<section id=\"" + section.id + "\" aria-labelledby=\"" + section.id +
                "-title\"><h2 id=\"" + section.id + "-title\">" + heading + "</h2>" + section.html +
                "</section>\n";
  }
  const EmbeddedFiles& files = page_files();
  const std::string title = escape(context.title);
  const std::string about = escape(subtitle(context));
  const std::string written_by = escape(version());
  const std::string data = script_json(page_data(context));
  return fill_page(files.at("report.html"), {{"title", title},
                                             {"subtitle", about},
                                             {"version", written_by},
                                             {"style", files.at("report.css")},
                                             {"contents", contents},
                                             {"sections", sections},
                                             {"data", data},
                                             {"script", files.at("report.js")}});
}

}  // namespace
}  // namespace report

void write_report(const std::filesystem::path& path, Model& model,
                  const HtmlReportOptions& options) {
  report::check(options);
  const std::string title = options.title.empty() ? model.network().name() : options.title;
  const report::ReportContext context{model, options, title, report::test_model(model, options),
                                      model.plan_report(options.batch_size)};
  write_text_file(path.string(), report::page_of(context));
}

}  // namespace fovea
