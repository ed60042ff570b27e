// What subcommands share to describe their options.
#include "host/cli/command.h"

#include <algorithm>
#include <charconv>

#include "fovea/error.h"
#include "fovea/names.h"

namespace fovea::cli {

CLI::Validator one_of(const std::string& what, std::vector<std::string> names) {
  return CLI::Validator(
      [what, names = std::move(names)](const std::string& name) -> std::string {
        if (std::find(names.begin(), names.end(), name) != names.end()) return {};
        try {
          fail_unknown(what, name, names);
        } catch (const Error& error) {
          return error.what();
        }
      },
      "");
}

void add_device_options(CLI::App& app, DeviceChoice& choice) {
  app.add_option("--device", choice.device, "auto, cpu, cuda or cuda:N (default: auto)")
      ->type_name("NAME")
      ->group("Device");
  app.add_option("--precision", choice.precision,
                 "f32, f64; on CUDA tf32, bf16, f16 (default: f32)")
      ->type_name("NAME")
      ->check(one_of("precision", {"f32", "f64", "tf32", "bf16", "f16"}))
      ->group("Device");
  app.add_option("--threads", choice.threads, "Of the CPU (default: all)")
      ->type_name("N")
      ->check(in_range(1, 4096))
      ->group("Device");
}

CLI::Validator in_range(double smallest, double largest) {
  return CLI::Validator(
      [=](const std::string& text) -> std::string {
        double value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error == std::errc() && end == text.data() + text.size() && value >= smallest &&
            value <= largest) {
          return {};
        }
        std::string message = detail::concat("takes a number of at least ", smallest);
        if (largest < kNoLimit) message += detail::concat(" and at most ", largest);
        return message + ", not '" + text + "'";
      },
      "");
}

}  // namespace fovea::cli
