// Fields in the paths of files that are written once per epoch.
#pragma once

#include <string>

#include "fovea/callback.h"

namespace fovea {

/// The path with its fields filled in: "{epoch:02d}-{val_loss:.4f}" from `epoch` and the metrics.
/// A field's format is Python's: zeros before the number (0), width, .digits, and d (of the epoch),
/// f, e or g; without a format a number is written in full. "{{" and "}}" are braces. Throws
/// invalid_argument for a field of another name, listing the metrics, or another form.
FOVEA_INTERNAL std::string fill_path_fields(const std::string& path, int epoch, const Logs& logs);

}  // namespace fovea
