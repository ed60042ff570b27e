// What did the training do? A small network learns to tell shapes apart; then its curves, its
// confusions and its layers are drawn, and all there is to see becomes one HTML page.
//
//   training_report [folder to write to]
//
// Pictures are SVG here; where librsvg is, names that end in .png give PNG.
//
// Expected output:
//
//   curves.svg: 4 curves of 3 epochs
//   confusions.svg: 10 classes
//   layers.svg: 10 layers
//   report.html: open it in a browser
#include <cstdio>
#include <filesystem>

#include "fovea/fovea.h"
#include "fovea/report.h"
#include "sample.h"

namespace {

void draw(const std::vector<std::string>& paths) {
  const std::filesystem::path folder = paths.empty() ? "." : paths.front();
  std::filesystem::create_directories(folder);
  const fovea::TrainTest shapes = fovea::make_synthetic(0, 1000, 300);
  fovea::Model model(fovea::cifar10_cnn(), {.class_names = shapes.train.class_names});
  model.compile({.loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
  const fovea::History history =
      model.fit(shapes.train, {.epochs = 3, .validation_data = shapes.test, .verbose = 0});

  fovea::write_picture(folder / "curves.svg", fovea::draw_curves(history));
  std::printf("curves.svg: %zu curves of %zu epochs\n", history.logs[0].size(),
              history.epochs.size());

  const fovea::Tensor predicted = fovea::predicted_labels(model.predict(shapes.test.x));
  const fovea::Tensor confusions = fovea::confusion_matrix(shapes.test.y, predicted);
  fovea::write_picture(folder / "confusions.svg",
                       fovea::draw_confusion_matrix(confusions, shapes.test.class_names));
  std::printf("confusions.svg: %zu classes\n", shapes.test.class_names.size());

  fovea::write_picture(folder / "layers.svg", fovea::draw_architecture(model.network()));
  std::printf("layers.svg: %zu layers\n", model.network().layers().size());

  fovea::write_report(folder / "report.html", model,
                      {.title = "Shapes", .history = history, .test = shapes.test});
  std::printf("report.html: open it in a browser\n");
}

}  // namespace

int main(int argc, char** argv) { return run_sample(argc, argv, draw); }
