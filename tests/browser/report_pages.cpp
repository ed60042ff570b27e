// HTML reports: of a network that tells shapes apart, with mistakes, and of one that reads a table.
#include "fovea/callbacks.h"
#include "fovea/datasets.h"
#include "fovea/models.h"
#include "fovea/report.h"
#include "tests/browser/make_pages.h"

void make_report_pages(const std::filesystem::path& folder) {
  const fovea::TrainTest shapes = fovea::make_synthetic(1, 2000, 500);
  fovea::Model model(fovea::cifar10_cnn(),
                     {.device = "cpu", .seed = 1, .class_names = shapes.train.class_names});
  model.compile(
      {.optimizer = "adam", .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
  fovea::FitOptions fit{.epochs = 6, .validation_data = shapes.test, .verbose = 0};
  fit.callbacks = {
      fovea::LearningRateScheduler([](int epoch, double) { return epoch < 4 ? 1e-3 : 1e-4; })};
  const fovea::History history = model.fit(shapes.train, fit);
  fovea::write_report(
      folder / "report.html", model,
      {.title = "Shapes and patterns",
       .history = history,
       .test = shapes.test,
       .settings = fovea::Json::object().set("optimizer", "adam").set("epochs", 6)});

  const fovea::Dataset table = fovea::make_classification({.n_samples = 60, .n_features = 4});
  fovea::Model iris(fovea::make_network("iris_small"), {.device = "cpu"});
  fovea::write_report(folder / "report_table.html", iris,
                      {.title = "</script><b>A table</b>", .test = table});
}
