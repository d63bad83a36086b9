// SPDX-License-Identifier: MIT
// load_dataset: whole folders, good and bad, and the real ones where they are.
#include <sstream>

#include "files.h"
#include <dropmuon/core/sha256.h>
#include <dropmuon/dataset/dataset.h>
#include <dropmuon/dataset/official_files.h>

using namespace dropmuon;
using namespace dropmuon::test;

namespace {

constexpr const char* kTrainImages = "/train-images-idx3-ubyte";
constexpr const char* kTrainLabels = "/train-labels-idx1-ubyte";
constexpr const char* kTestImages = "/t10k-images-idx3-ubyte";
constexpr const char* kTestLabels = "/t10k-labels-idx1-ubyte";

// A small, whole MNIST-like folder: 20 training and 12 test images of 6 x 4.
void write_idx_set(const std::string& folder) {
  write(folder + kTrainImages, idx_images(20, 6, 4));
  write(folder + kTrainLabels, idx_labels(20));
  write(folder + kTestImages, idx_images(12, 6, 4));
  write(folder + kTestLabels, idx_labels(12));
}

Dataset load(const std::string& name, const std::string& root, int limit = 0) {
  return load_dataset({.dataset = name, .root = root, .train_limit = limit});
}

}  // namespace

TEST_CASE("a folder of IDX files loads, plain, packed or mixed, for both names") {
  const TempFolder root;
  for (const std::string name : {"mnist", "fashion-mnist"}) {
    write_idx_set(root / name);
    const Dataset plain = load(name, root.path());
    CHECK(plain.name == name);
    CHECK(plain.image == ImageShape{6, 4, 1});
    CHECK(plain.classes == 10);
    CHECK(plain.train.count() == 20);
    CHECK(plain.test.count() == 12);
    CHECK(plain.train.images.size() == 480);
    CHECK(plain.source == root / name);
    CHECK(plain.verdict == "not the official files (hashes differ)");
    REQUIRE(plain.hashes.size() == 4);

    for (const std::string file : {kTrainImages, kTestLabels}) {
      const Bytes bytes = read_data_file((root / name) + file)->bytes;
      write((root / name) + file + ".gz", gzip(bytes));
      std::filesystem::remove((root / name) + file);
    }
    const Dataset packed = load(name, root.path());
    CHECK(packed.train.images == plain.train.images);
    CHECK(packed.test.labels == plain.test.labels);
    CHECK(packed.hashes == plain.hashes);
  }
}

TEST_CASE("hashes are those of the uncompressed content, under the plain names") {
  const TempFolder root;
  write_idx_set(root / "mnist");
  const Bytes labels = idx_labels(20);
  const std::string hash = sha256(std::as_bytes(std::span(labels)));
  const Dataset dataset = load("mnist", root.path());
  CHECK(std::count(dataset.hashes.begin(), dataset.hashes.end(),
                   std::pair<std::string, std::string>("train-labels-idx1-ubyte", hash)) == 1);
}

TEST_CASE("a folder of CIFAR files loads in the order of the batches") {
  const TempFolder root;
  for (std::size_t batch = 1; batch <= 5; ++batch) {
    write(root / ("cifar10/data_batch_" + std::to_string(batch) + ".bin"), cifar_rows(batch));
  }
  write(root / "cifar10/test_batch.bin.gz", gzip(cifar_rows(3)));
  const Dataset dataset = load("cifar10", root.path());
  CHECK(dataset.image == ImageShape{32, 32, 3});
  CHECK(dataset.train.labels == Bytes{0, 0, 1, 0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 4});
  CHECK(dataset.test.labels == Bytes{0, 1, 2});
  CHECK(dataset.mean.size() == 3);
  CHECK(dataset.hashes.size() == 6);
  CHECK(dataset.verdict == "not the official files (hashes differ)");

  std::filesystem::remove(root / "cifar10/data_batch_4.bin");
  expect_error(ExitCode::missing_input, {"data_batch_4.bin", "`scripts/get_data.sh cifar10"},
               [&] { load("cifar10", root.path()); });
}

TEST_CASE("train_limit keeps the first training images and all test images") {
  const TempFolder root;
  write_idx_set(root / "mnist");
  const Dataset all = load("mnist", root.path());
  const Dataset some = load("mnist", root.path(), 7);
  CHECK(some.train.count() == 7);
  CHECK(some.test.count() == 12);
  CHECK(some.train.images == Bytes(all.train.images.begin(), all.train.images.begin() + 168));
  CHECK(some.mean != all.mean);
  CHECK(load("mnist", root.path(), 20).train.count() == 20);
  CHECK(load("mnist", root.path(), 1000).train.count() == 20);
  expect_error(ExitCode::bad_config, {"data.train_limit", "-1"},
               [&] { load("mnist", root.path(), -1); });
}

TEST_CASE("a missing file is named, with the command that gets it") {
  const TempFolder root;
  for (const char* file : {kTrainImages, kTrainLabels, kTestImages, kTestLabels}) {
    write_idx_set(root / "fashion-mnist");
    std::filesystem::remove((root / "fashion-mnist") + file);
    expect_error(ExitCode::missing_input,
                 {(root / "fashion-mnist") + file, ".gz",
                  "`scripts/get_data.sh fashion-mnist " + root.path() + "` gets it"},
                 [&] { load("fashion-mnist", root.path()); });
  }
  expect_error(ExitCode::missing_input, {"nowhere/mnist", "`scripts/get_data.sh mnist"},
               [&] { load("mnist", root / "nowhere"); });
}

TEST_CASE("folders whose files do not belong together are refused") {
  struct BadFolder {
    const char* name;
    const char* file;
    Bytes bytes;
    std::vector<std::string> words;
  };
  const std::vector<BadFolder> cases{
      {"one label too few",
       kTrainLabels,
       idx_labels(19),
       {kTrainLabels, "offset 4:", "expected 20 labels", "found 19"}},
      {"one label too many",
       kTestLabels,
       idx_labels(13),
       {kTestLabels, "offset 4:", "expected 12 labels", "found 13"}},
      {"test images for training",
       kTrainImages,
       idx_images(12, 6, 4),
       {kTrainLabels, "expected 12 labels", "found 20"}},
      {"test images of another size",
       kTestImages,
       idx_images(12, 4, 6),
       {kTestImages, "offset 8:", "expected 6 x 4", "found 4 x 6"}},
      {"images under the name of labels",
       kTestLabels,
       idx_images(12, 6, 4),
       {kTestLabels, "offset 0:", "swapped"}},
      {"labels under the name of images",
       kTrainImages,
       idx_labels(20),
       {kTrainImages, "offset 0:", "swapped"}},
  };
  for (const BadFolder& bad : cases) {
    DYNAMIC_SECTION(bad.name) {
      const TempFolder root;
      write_idx_set(root / "mnist");
      write((root / "mnist") + bad.file, bad.bytes);
      expect_error(ExitCode::bad_data, bad.words, [&] { load("mnist", root.path()); });
    }
  }
}

TEST_CASE("10000 training and 60000 test images are the official files swapped") {
  const TempFolder root;
  write((root / "mnist") + kTrainImages, idx_images(10000, 1, 1));
  write((root / "mnist") + kTrainLabels, idx_labels(10000));
  write((root / "mnist") + kTestImages, idx_images(60000, 1, 1));
  write((root / "mnist") + kTestLabels, idx_labels(60000));
  expect_error(ExitCode::bad_data, {kTrainImages, "offset 4:", "train and t10k", "swapped"},
               [&] { load("mnist", root.path()); });
}

TEST_CASE("an unknown name gets the known ones and a guess") {
  expect_error(ExitCode::bad_config,
               {"data.dataset", "'fashion-mnits'", "mnist, fashion-mnist, cifar10, synthetic",
                "did you mean 'fashion-mnist'?"},
               [] { load("fashion-mnits", "data"); });
  expect_error(ExitCode::bad_config, {"'../mnist'"}, [] { load("../mnist", "data"); });
}

TEST_CASE("what is said of a set without its files is what loading finds") {
  for (const std::string& name : dataset_names()) {
    const std::string root = real_root(name);
    if (name != "synthetic" && root.empty()) {
      continue;  // the tests below say so for each set that is not here
    }
    const DatasetInfo info = dataset_info(name);
    const Dataset dataset = load(name, root);
    CHECK(info.image == dataset.image);
    CHECK(info.classes == dataset.classes);
    CHECK(info.train_count == dataset.train.count());
    CHECK(info.test_count == dataset.test.count());
  }
  expect_error(ExitCode::bad_config, {"'mnits'", "did you mean 'mnist'?"},
               [] { dataset_info("mnits"); });
}

TEST_CASE("the official Fashion-MNIST loads as official") {
  const std::string root = real_root("fashion-mnist");
  if (root.empty()) {
    WARN("skipped: no Fashion-MNIST here, scripts/get_data.sh fashion-mnist gets it");
    return;
  }
  const Dataset dataset = load("fashion-mnist", root);
  CHECK(dataset.verdict == "official files");
  CHECK(dataset.image == ImageShape{28, 28, 1});
  CHECK(dataset.train.count() == 60000);
  CHECK(dataset.test.count() == 10000);
  // The widely used constants of this set: mean 0.2860, standard deviation 0.3530.
  CHECK(dataset.mean[0] == Approx(0.2860).margin(5e-5));
  CHECK(1.0 / dataset.inverse_std[0] == Approx(0.3530).margin(5e-5));
  for (int label = 0; label < 10; ++label) {
    CHECK(std::count(dataset.train.labels.begin(), dataset.train.labels.end(), label) == 6000);
    CHECK(std::count(dataset.test.labels.begin(), dataset.test.labels.end(), label) == 1000);
  }
}

TEST_CASE("an official file under another name or in another folder is refused") {
  const std::string real = real_root("fashion-mnist");
  if (real.empty()) {
    WARN("skipped: no Fashion-MNIST here, scripts/get_data.sh fashion-mnist gets it");
    return;
  }
  const TempFolder root;
  const Bytes test_images = read_data_file(real + "/fashion-mnist/t10k-images-idx3-ubyte")->bytes;
  write((root / "fashion-mnist") + kTrainImages, test_images);
  expect_error(ExitCode::bad_data,
               {kTrainImages, "found the official t10k-images-idx3-ubyte of fashion-mnist"},
               [&] { load("fashion-mnist", root.path()); });
  write_idx_set(root / "mnist");
  write((root / "mnist") + kTestImages, test_images);
  expect_error(ExitCode::bad_data, {kTestImages, "of mnist", "of fashion-mnist under this name"},
               [&] { load("mnist", root.path()); });
}

TEST_CASE("the official MNIST loads as official") {
  const std::string root = real_root("mnist");
  if (root.empty()) {
    WARN("skipped: no MNIST here, scripts/get_data.sh mnist gets it");
    return;
  }
  const Dataset dataset = load("mnist", root);
  CHECK(dataset.verdict == "official files");
  CHECK(dataset.train.count() == 60000);
  CHECK(dataset.mean[0] == Approx(0.1307).margin(5e-5));
  CHECK(1.0 / dataset.inverse_std[0] == Approx(0.3081).margin(5e-5));
}

TEST_CASE("a CIFAR-10 that is there loads whole, whatever its verdict") {
  const std::string root = real_root("cifar10");
  if (root.empty()) {
    WARN("skipped: no CIFAR-10 here, scripts/get_data.sh cifar10 gets it");
    return;
  }
  const Dataset dataset = load("cifar10", root);
  CHECK(dataset.train.count() == 50000);
  CHECK(dataset.test.count() == 10000);
  for (int label = 0; label < 10; ++label) {
    CHECK(std::count(dataset.train.labels.begin(), dataset.train.labels.end(), label) == 5000);
  }
  // Red, green and blue, of the official files or any good copy of them.
  CHECK(dataset.mean[0] == Approx(0.4914).margin(2e-3));
  CHECK(dataset.mean[1] == Approx(0.4822).margin(2e-3));
  CHECK(dataset.mean[2] == Approx(0.4465).margin(2e-3));
}
