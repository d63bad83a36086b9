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
void check_error_of_loading(const DatasetOptions& options, ExitCode code = ExitCode::bad_data) {
  std::string message = "loaded";
  try {
    load_dataset(options);
  } catch (const Error& error) {
    message = error.what();
  }
  expect_error(code, {message}, [&] { dataset_info(options); });
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
  const DatasetInfo info =
      dataset_info({.dataset = "mnist", .root = root.path(), .train_limit = 9});
  CHECK(info.source == InfoSource::assumed);
  CHECK(info.train_count == 9);
  CHECK(info.image == ImageShape{28, 28, 1});
}

TEST_CASE("of training and test images the ones that are there are looked at") {
  const Packing packing = GENERATE(Packing::plain, Packing::gzipped);
  const std::string end = packing == Packing::plain ? "" : ".gz";
  const int missing = GENERATE(0, 1, 2, 3);
  const TempFolder root;
  const DatasetOptions options{.dataset = "mnist", .root = root.path()};
  write_set(root / "mnist", packing);
  std::filesystem::remove(root / "mnist/" + kNames[missing] + end);
  const DatasetInfo info = dataset_info(options);
  const bool has_training = missing > 1;
  CAPTURE(missing);
  CHECK(info.train_count == (has_training ? 512 : 60000));
  CHECK(info.test_count == (has_training ? 10000 : 64));
  CHECK(info.image == ImageShape{20, 30, 1});
  CHECK((info.source == InfoSource::files) == has_training);
  CHECK((info.test_source == InfoSource::files) == !has_training);
  CHECK(is_assumed(info));
  const std::string folder = root.path() + "/mnist";
  CHECK(to_text(info) ==
        fmt::format("{} images of 20x30x1 in {}; {} images, if these are the official files: {} "
                    "does not have them yet",
                    has_training ? "512 training" : "64 test", folder,
                    has_training ? "10000 test" : "60000 training", folder));
  // What is there has to be whole.
  put(root / "mnist/" + kNames[has_training ? 0 : 2], idx({0x802, 64, 20, 30}, 64 * 600), packing);
  expect_error(ExitCode::bad_data, {kNames[has_training ? 0 : 2]}, [&] { dataset_info(options); });
}

TEST_CASE("of the five training files of CIFAR-10 none may be missing, the test file may") {
  const TempFolder root;
  const DatasetOptions options{.dataset = "cifar10", .root = root.path()};
  for (int batch = 1; batch <= 5; ++batch) {
    write(root / fmt::format("cifar10/data_batch_{}.bin", batch), cifar_rows(4));
  }
  CHECK(dataset_info(options).train_count == 20);
  CHECK(dataset_info(options).test_count == 10000);
  write(root / "cifar10/test_batch.bin", cifar_rows(3));
  std::filesystem::remove(root / "cifar10/data_batch_4.bin");
  CHECK(dataset_info(options).train_count == 50000);
  CHECK(dataset_info(options).test_count == 3);
}

TEST_CASE("a batch that the training images do not fill is refused in the words of training") {
  DatasetInfo info{.train_count = 400, .source = InfoSource::files};
  require_a_batch(400, info);
  expect_error(ExitCode::bad_config,
               {"expected 1 to 400 (the number of training images), found 401"},
               [&] { require_a_batch(401, info); });
  info.source = InfoSource::assumed;
  expect_error(ExitCode::bad_config, {"(the number of training images of the official files)"},
               [&] { require_a_batch(401, info); });
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

TEST_CASE("folders with the files' names change nothing where the packed files are beside") {
  const TempFolder root;
  write_set(root / "mnist", Packing::gzipped);
  for (const char* name : kNames) std::filesystem::create_directories(root / "mnist/" + name);
  check_like_loading({.dataset = "mnist", .root = root.path()});
}

TEST_CASE("folders in the place of the files are refused as loading refuses them") {
  for (const bool has_file : {false, true}) {
    const TempFolder root;
    for (const char* name : kNames) {
      const std::string folder = root / "mnist/" + name;
      std::filesystem::create_directories(folder);
      if (has_file) write(folder + "/" + name, {1});
    }
    const DatasetOptions options{.dataset = "mnist", .root = root.path()};
    const ExitCode code = has_file ? ExitCode::missing_input : ExitCode::bad_data;
    check_error_of_loading(options, code);
  }
  const TempFolder root;
  for (const char* name : {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4",
                           "data_batch_5", "test_batch"}) {
    std::filesystem::create_directories(root / "cifar10/" + name + ".bin");
  }
  check_error_of_loading({.dataset = "cifar10", .root = root.path()});
}
