// CIFAR's binary files: the same one stands for all of a data set.
#include "fovea/datasets.h"
#include "tests/fuzz/fuzz.h"

namespace {

struct Folder {
  Folder() {
    for (const char* name :
         {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
          "data_batch_5.bin", "test_batch.bin", "train.bin", "test.bin"}) {
      folder.link(file, name);
    }
  }
  fovea::fuzz::MemoryFile file;
  fovea::fuzz::LinkFolder folder;
};

}  // namespace

FOVEA_FUZZ_TARGET {
  static const Folder all;
  all.file.set(fovea::fuzz::text_of(data, size));
  fovea::fuzz::expect_answer([] { fovea::load_cifar10(all.folder.path()); });
  fovea::fuzz::expect_answer([] { fovea::load_cifar100(all.folder.path()); });
  return 0;
}
