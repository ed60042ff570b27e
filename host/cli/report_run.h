// What a run folder tells a report.
#pragma once

#include <optional>
#include <string>

#include "fovea/report.h"
#include "host/cli/data_sets.h"
#include "host/cli/run_folder.h"

namespace fovea::cli {

/// Title, history and settings of a run, or only the title of a model file; without test data.
HtmlReportOptions describe_for_report(const std::string& model, const std::string& title);

/// The test part of the data given, or else of those of the run that `model` is; nothing where
/// there are none. A run's own data that are gone are only spoken of, by the subcommand `who`: a
/// page can do without. Throws as load_data, and where the data do not fit the network.
std::optional<Dataset> data_to_show(const std::string& who, const std::string& model,
                                    const DataChoice& given, const Model& loaded);

}  // namespace fovea::cli
