// Pictures and a report, from the second library.
#include <fovea/fovea.h>
#include <fovea/report.h>

#include <exception>
#include <filesystem>
#include <iostream>

int main() {
  try {
    fovea::Model model(fovea::make_network("iris_small"), {.device = "cpu"});
    const std::filesystem::path folder = std::filesystem::temp_directory_path();
    for (const char* name : {"fovea_consumer.svg", "fovea_consumer.html"}) {
      const std::filesystem::path file = folder / name;
      if (file.extension() == ".svg") {
        fovea::write_picture(file, fovea::draw_graph(model.network()));
      } else {
        fovea::write_report(file, model);
      }
      std::cout << name << ": " << std::filesystem::file_size(file) << " bytes\n";
      std::filesystem::remove(file);
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
