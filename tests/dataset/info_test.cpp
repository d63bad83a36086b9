// SPDX-License-Identifier: MIT
// What is known of a set from its headers and sizes alone is what loading it finds.
#include "files.h"
#include <dropmuon/dataset/dataset.h>

using namespace dropmuon;
using namespace dropmuon::test;

namespace {

constexpr const char* kNames[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                  "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

enum class Packing { plain, gzipped };

void put(const std::string& path, const Bytes& bytes, Packing packing) {
  packing == Packing::plain ? write(path, bytes) : write(path + ".gz", gzip(bytes));
}

void write_set(const std::string& folder, Packing packing) {
  put(folder + "/" + kNames[0], idx_images(512, 20, 30), packing);
  put(folder + "/" + kNames[1], idx_labels(512), packing);
  put(folder + "/" + kNames[2], idx_images(64, 20, 30), packing);
  put(folder + "/" + kNames[3], idx_labels(64), packing);
}

void check_like_loading(const DatasetOptions& options) {
  const DatasetInfo info = dataset_info(options);
  const Dataset data = load_dataset(options);
  CHECK(info.image == data.image);
  CHECK(info.train_count == data.train.count());
  CHECK(info.test_count == data.test.count());
  CHECK(info.source == InfoSource::files);
}

// The message of loading, word for word.
void check_error_of_loading(const DatasetOptions& options) {
  std::string message = "loaded";
  try {
    load_dataset(options);
  } catch (const Error& error) {
    message = error.what();
  }
  expect_error(ExitCode::bad_data, {message}, [&] { dataset_info(options); });
}

}  // namespace

TEST_CASE("counts and sides are read from the headers, packed or not") {
  const Packing packing = GENERATE(Packing::plain, Packing::gzipped);
  const TempFolder root;
  write_set(root / "mnist", packing);
  for (const int limit : {0, 100, 9999}) {
    check_like_loading({.dataset = "mnist", .root = root.path(), .train_limit = limit});
  }
  CHECK(to_text(dataset_info({.dataset = "mnist", .root = root.path()})) ==
        "512 training and 64 test images of 20x30x1 in " + root.path() + "/mnist");
  for (int batch = 1; batch <= 5; ++batch) {
    put(root / fmt::format("cifar10/data_batch_{}.bin", batch),
        cifar_rows(static_cast<std::size_t>(batch)), packing);
  }
  put(root / "cifar10/test_batch.bin", cifar_rows(3), packing);
  check_like_loading({.dataset = "cifar10", .root = root.path()});
  check_like_loading({.dataset = "synthetic", .train_limit = 7});
}

TEST_CASE("without the files the official ones are assumed, and it says so") {
  const TempFolder root;
  for (const std::string name : {"mnist", "fashion-mnist", "cifar10"}) {
    const DatasetInfo info = dataset_info({.dataset = name, .root = root.path()});
    CHECK(info.train_count == dataset_info(name).train_count);
    CHECK_THAT(to_text(info), Catch::Contains("if these are the official files"));
  }
  write_set(root / "mnist", Packing::plain);
  std::filesystem::remove(root / "mnist/t10k-labels-idx1-ubyte");
  const DatasetInfo info =
      dataset_info({.dataset = "mnist", .root = root.path(), .train_limit = 9});
  CHECK(info.source == InfoSource::assumed);
  CHECK(info.train_count == 9);
  CHECK(info.image == ImageShape{28, 28, 1});
}

TEST_CASE("headers and sizes that loading refuses are refused with the same words") {
  const Packing packing = GENERATE(Packing::plain, Packing::gzipped);
  const std::vector<std::pair<int, Bytes>> bad{
      {0, idx({0x802, 512, 20, 30}, 307200)},
      {0, idx({0x803, 0xffffffff, 20, 30}, 99)},
      {0, idx({0x803, 511, 20, 30}, 306600)},
      {0, idx({0x803, 512, 2000, 30}, 9)},
      {1, idx({0x801, 513}, 513)},
      {1, {0, 0}},
      {2, idx({0x803, 64, 30, 20}, 64 * 20 * 30)},
      {3, idx({0x801, 0}, 0)},
  };
  for (const auto& [which, bytes] : bad) {
    const TempFolder root;
    write_set(root / "mnist", packing);
    put(root / "mnist/" + kNames[which], bytes, packing);
    check_error_of_loading({.dataset = "mnist", .root = root.path()});
  }
  const TempFolder root;
  write_set(root / "mnist", Packing::plain);
  put(root / "mnist/" + kNames[0], idx({0x803, 512, 20, 30}, 307199), Packing::plain);
  check_error_of_loading({.dataset = "mnist", .root = root.path()});
}

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
