// The command fovea.
#include <CLI/CLI.hpp>

int main(int argc, char** argv) {
  CLI::App app("Trains, evaluates and shows convolutional neural networks.", "fovea");
  CLI11_PARSE(app, argc, argv);
  return 0;
}
