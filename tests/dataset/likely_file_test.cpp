// SPDX-License-Identifier: MIT
// Of data files that are missing it is told where something like them lies.
#include <tuple>

#include "files.h"
#include <dropmuon/dataset/dataset.h>

using namespace dropmuon;
using namespace dropmuon::test;

TEST_CASE("files under other names are pointed at") {
  struct Case {
    std::string file;
    std::string dataset;
    std::string words;
  };
  for (const Case& c : std::vector<Case>{
           {"mnist/train-images.idx3-ubyte", "mnist", ": rename it to "},
           {"mnist/train-images.idx3-ubyte.gz", "mnist", "/train-images-idx3-ubyte.gz"},
           {"mnist/TRAIN-IMAGES-IDX3-UBYTE", "mnist", ": rename it to "},
           {"mnist/train-images-idx3-ubyte.idx", "mnist", ": rename it to "},
           {"mnist/train_images_idx3_ubyte.GZ", "mnist", "/train-images-idx3-ubyte.gz"},
           {"mnist/train-images-idx3-ubyte/train-images-idx3-ubyte", "mnist", ": rename it to "},
           {"MNIST/raw/train-images-idx3-ubyte", "mnist", ": rename it to "},
           {"FashionMNIST/raw/train-images-idx3-ubyte", "fashion-mnist", ": rename it to "},
           {"cifar10/data_batch_1", "cifar10", "the pickled Python version"},
           {"cifar-10-batches-py/data_batch_1", "cifar10", "the pickled Python version"},
           {"cifar-10-batches-bin/data_batch_1.bin", "cifar10", ": rename it to "},
           {"train-images-idx3-ubyte", "mnist", "/mnist/train-images-idx3-ubyte;"},
           {"train-images.idx3-ubyte.gz", "mnist", "/mnist/train-images-idx3-ubyte.gz;"},
           {"data_batch_1.bin", "cifar10", "/cifar10/data_batch_1.bin;"},
           {"mnist/train-images-idx3-ubyte(1)", "mnist", "/train-images-idx3-ubyte;"},
           {"mnist/train-images-idx3-ubyte (12)", "mnist", "/train-images-idx3-ubyte;"},
           {"mnist/train-images-idx3-ubyte (1).gz", "mnist", "/train-images-idx3-ubyte.gz;"},
           {"mnist/train-images-idx3-ubyte.gz(1)", "mnist", "/train-images-idx3-ubyte.gz;"},
           {"mnist/train-images-idx3-ubyte.zip", "mnist", ": unpack it, to have "},
           {"mnist/train-images-idx3-ubyte.xz", "mnist", ": unpack it, to have "},
           {"mnist/train-images.idx3-ubyte.BZ2", "mnist", ": unpack it, to have "},
           {"mnist/train-images-idx3-ubyte.tar.gz", "mnist", ": unpack it, to have "},
           {"train-images-idx3-ubyte(1).zip", "mnist", ": unpack it, to have "},
           {"cifar-10-binary.tar.gz", "cifar10", ": unpack it, to have "},
           {"cifar10/cifar-10-binary.tar.gz", "cifar10", ": unpack it, to have "},
           {"cifar-10-python.tar.gz", "cifar10", "the pickled Python version"},
           {"FashionMNIST.zip", "fashion-mnist", ": unpack it, to have "},
       }) {
    const TempFolder root;
    write(root / c.file, {1, 2, 3});
    expect_error(ExitCode::missing_input, {"is missing", "found " + (root / c.file), c.words},
                 [&] { load_dataset({.dataset = c.dataset, .root = root.path()}); });
  }
  const TempFolder root;
  write(root / "mnist/train-labels-idx1-ubyte", {1});
  write(root / "mnist/notes.txt", {1});
  try {
    load_dataset({.dataset = "mnist", .root = root.path()});
    FAIL("loaded");
  } catch (const Error& error) {
    CHECK_THAT(error.what(), !Catch::Contains("found "));
  }
  expect_error(ExitCode::missing_input, {"`scripts/get_data.sh mnist '/no/my set'` gets it"},
               [] { load_dataset({.dataset = "mnist", .root = "/no/my set"}); });
}

TEST_CASE("the data set's own folder as data.root, and links to nothing, are told") {
  const TempFolder root;
  for (const std::string ending : {"", "/"}) {
    write(root / "mnist/train-images-idx3-ubyte", {1, 2, 3});
    expect_error(ExitCode::missing_input,
                 {"is missing", "found " + root.path() +
                                    "/mnist/train-images-idx3-ubyte: give the "
                                    "folder above, " +
                                    root.path() + ", as data.root;"},
                 [&] { load_dataset({.dataset = "mnist", .root = root / "mnist" + ending}); });
  }
  namespace fs = std::filesystem;
  const TempFolder links;
  fs::create_directories(links / "a/mnist");
  fs::create_symlink("/no/such/file", links / "a/mnist/train-images-idx3-ubyte");
  fs::create_directories(links / "b/mnist");
  fs::create_symlink("elsewhere.gz", links / "b/mnist/train-images-idx3-ubyte.gz");
  fs::create_directories(links / "c");
  fs::create_symlink("/no/such/disk", links / "c/mnist");
  fs::create_symlink("/no/such/place", links / "d");
  for (const auto& [root_name, link, target] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"a", "a/mnist/train-images-idx3-ubyte", "/no/such/file"},
           {"b", "b/mnist/train-images-idx3-ubyte.gz", "elsewhere.gz"},
           {"c", "c/mnist", "/no/such/disk"},
           {"d", "d", "/no/such/place"}}) {
    expect_error(ExitCode::missing_input,
                 {"is missing", "; " + (links / link) + " is a link to " + target +
                                    ", which is not "
                                    "there;"},
                 [&] { load_dataset({.dataset = "mnist", .root = links / root_name}); });
  }
}
