// What a run folder tells a report.
#pragma once

#include <string>

#include "fovea/report.h"
#include "host/cli/run_folder.h"

namespace fovea::cli {

/// Title, history and settings of a run, or only the title of a model file; without test data.
HtmlReportOptions describe_for_report(const std::string& model, const std::string& title);

}  // namespace fovea::cli
