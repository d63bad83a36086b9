// SPDX-License-Identifier: MIT
// From a name to a checked data set.
#include <algorithm>
#include <filesystem>
#include <string_view>

#include "likely_file.h"
#include <dropmuon/core/error.h>
#include <dropmuon/core/sha256.h>
#include <dropmuon/core/text.h>
#include <dropmuon/dataset/cifar.h>
#include <dropmuon/dataset/dataset.h>
#include <dropmuon/dataset/idx.h>
#include <dropmuon/dataset/normalization.h>
#include <dropmuon/dataset/official_files.h>
#include <dropmuon/dataset/synthetic.h>

namespace dropmuon {
namespace {

constexpr std::string_view kOfficial = "official files";
constexpr std::string_view kNotOfficial = "not the official files (hashes differ)";

// The folder of one data set: reads its files, and keeps what they hash to.
class Folder {
 public:
  Folder(const DatasetOptions& options, Dataset& dataset)
      : options_(options), dataset_(dataset), path_(options.root + "/" + options.dataset) {
    dataset_.source = path_;
    dataset_.verdict = kOfficial;
  }

  // The first training file that is neither there plain nor with .gz; "" if there is none, or if a
  // test file is missing as well. What cannot be looked at is left to read(), which says why.
  std::string missing_of_training(const std::vector<std::string>& training,
                                  const std::vector<std::string>& test) const {
    return first_missing(test).empty() ? first_missing(training) : "";
  }

  DataFile read(const std::string& name) {
    // Kaggle's archives have folders of that name.
    std::error_code ignored;
    const bool is_folder = std::filesystem::is_directory(path_ + "/" + name, ignored) &&
                           !std::filesystem::is_regular_file(path_ + "/" + name + ".gz", ignored);
    const std::string hint =
        is_folder ? hint_of_likely_file(options_.root, options_.dataset, name) : "";
    std::optional<DataFile> file;
    if (hint.empty()) file = read_data_file(path_ + "/" + name);
    if (!file) missing(name, hint);
    const std::string hash = sha256(std::as_bytes(std::span(file->bytes)));
    check_identity(*file, name, hash);
    dataset_.hashes.emplace_back(name, hash);
    return std::move(*file);
  }

 private:
  static bool is_missing(const std::string& file) {
    std::error_code error;
    return std::filesystem::status(file, error).type() == std::filesystem::file_type::not_found;
  }

  std::string first_missing(const std::vector<std::string>& names) const {
    for (const std::string& name : names) {
      const std::string file = path_ + "/" + name;
      if (is_missing(file) && is_missing(file + ".gz")) return file;
    }
    return "";
  }

  [[noreturn]] void missing(const std::string& name, const std::string& hint) const {
    const std::string where = options_.root == "data" ? "" : " " + shell_quoted(options_.root);
    fail(ExitCode::missing_input,
         "{}/{} is missing (plain or with .gz){}; `scripts/get_data.sh {}{}` gets it", path_, name,
         hint.empty() ? hint_of_likely_file(options_.root, options_.dataset, name) : hint,
         options_.dataset, where);
  }

  // An official file under another name would load, and every result from it would be wrong.
  void check_identity(const DataFile& file, const std::string& name, const std::string& hash) {
    const auto files = official_files();
    const auto known = std::find_if(files.begin(), files.end(),
                                    [&](const OfficialFile& f) { return f.sha256 == hash; });
    if (known == files.end()) {
      dataset_.verdict = kNotOfficial;
    } else if (known->name != name || known->dataset != options_.dataset) {
      fail(ExitCode::bad_data,
           "{}: offset 0: expected {} of {}, found the official {} of {} under this name",
           file.path, name, options_.dataset, known->name, known->dataset);
    }
  }

  const DatasetOptions& options_;
  Dataset& dataset_;
  std::string path_;
};

Split read_idx_split(Folder& folder, const std::string& prefix, ImageShape& image) {
  const DataFile image_file = folder.read(prefix + "-images-idx3-ubyte");
  IdxImages images = parse_idx_images(image_file);
  if (image.size() != 0 && images.image != image) {
    fail(ExitCode::bad_data,
         "{}: offset 8: expected {} x {} images like the training images, found {} x {}",
         image_file.path, image.height, image.width, images.image.height, images.image.width);
  }
  const DataFile label_file = folder.read(prefix + "-labels-idx1-ubyte");
  Split split;
  split.labels = parse_idx_labels(label_file);
  if (split.labels.size() != images.count()) {
    fail(ExitCode::bad_data, "{}: offset 4: expected {} labels, as many as images in {}, found {}",
         label_file.path, images.count(), image_file.path, split.labels.size());
  }
  image = images.image;
  split.images = std::move(images.pixels);
  return split;
}

void read_idx(Folder& folder, TrainingPart part, Dataset& dataset) {
  constexpr int kOfficialTrain = 60000;
  constexpr int kOfficialTest = 10000;
  if (part == TrainingPart::if_there) {
    dataset.missing =
        folder.missing_of_training({"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
                                   {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"});
  }
  if (dataset.missing.empty()) dataset.train = read_idx_split(folder, "train", dataset.image);
  dataset.test = read_idx_split(folder, "t10k", dataset.image);
  if (dataset.train.count() == kOfficialTest && dataset.test.count() == kOfficialTrain) {
    fail(ExitCode::bad_data,
         "{}/train-images-idx3-ubyte: offset 4: expected {} training and {} test images, found {} "
         "and {}; the train and t10k files are swapped",
         dataset.source, kOfficialTrain, kOfficialTest, dataset.train.count(),
         dataset.test.count());
  }
}

void read_cifar(Folder& folder, TrainingPart part, Dataset& dataset) {
  dataset.image = kCifarImage;
  std::vector<std::string> batches;
  for (int batch = 1; batch <= 5; ++batch) {
    batches.push_back(fmt::format("data_batch_{}.bin", batch));
  }
  if (part == TrainingPart::if_there) {
    dataset.missing = folder.missing_of_training(batches, {"test_batch.bin"});
  }
  if (dataset.missing.empty()) {
    for (const std::string& batch : batches) append_cifar_rows(folder.read(batch), dataset.train);
  }
  append_cifar_rows(folder.read("test_batch.bin"), dataset.test);
}

void make_synthetic(Dataset& dataset) {
  dataset.image = kSyntheticImage;
  dataset.train = make_synthetic(SyntheticPart::train, kSyntheticTrain);
  dataset.test = make_synthetic(SyntheticPart::test, kSyntheticTest);
  dataset.source = "synthetic";
  dataset.verdict = "synthetic";
}

void check(const DatasetOptions& options) {
  dataset_info(options.dataset);  // throws for an unknown name
  if (options.train_limit < 0) {
    fail(ExitCode::bad_config, "data.train_limit: expected 0 (all) or more, found {}",
         options.train_limit);
  }
}

void keep_first(Split& split, const ImageShape& image, int limit) {
  if (limit == 0 || limit >= split.count()) return;
  split.labels.resize(static_cast<std::size_t>(limit));
  split.images.resize(static_cast<std::size_t>(limit) * image.size());
}

}  // namespace

const std::vector<std::string>& dataset_names() {
  static const std::vector<std::string> names{"mnist", "fashion-mnist", "cifar10", "synthetic"};
  return names;
}

Dataset load_dataset(const DatasetOptions& options, TrainingPart part) {
  check(options);
  Dataset dataset;
  dataset.name = options.dataset;
  if (options.dataset == "synthetic") {
    make_synthetic(dataset);
  } else {
    Folder folder(options, dataset);
    options.dataset == "cifar10" ? read_cifar(folder, part, dataset)
                                 : read_idx(folder, part, dataset);
  }
  if (!dataset.missing.empty()) return dataset;
  keep_first(dataset.train, dataset.image, options.train_limit);
  Normalization normalization = measure_normalization(dataset.train.images, dataset.image.channels);
  dataset.mean = std::move(normalization.mean);
  dataset.inverse_std = std::move(normalization.inverse_std);
  return dataset;
}

}  // namespace dropmuon
