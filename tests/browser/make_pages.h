// The pages that the scripts of this folder open. Each kind of page has a function here.
#pragma once

#include <filesystem>

#include "fovea/data.h"
#include "fovea/model.h"

/// What the pages show: a LeNet-5 that reads handwriting, and the pictures that it was tried with.
struct TrainedDigits {
  fovea::Model model;
  fovea::TrainTest digits;
  fovea::History history;
};

void make_view_pages(const std::filesystem::path& folder, TrainedDigits& trained);
void make_report_pages(const std::filesystem::path& folder);
