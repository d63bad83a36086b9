// SPDX-License-Identifier: MIT
// How many images of what shape, without reading them.
#include <algorithm>

#include <fmt/ranges.h>

#include <dropmuon/core/error.h>
#include <dropmuon/core/suggest.h>
#include <dropmuon/dataset/cifar.h>
#include <dropmuon/dataset/data_file.h>
#include <dropmuon/dataset/dataset.h>
#include <dropmuon/dataset/idx.h>
#include <dropmuon/dataset/synthetic.h>

namespace dropmuon {
namespace {

// What a look at the files came to. In doubt they have to be read, which tells what is wrong.
enum class Look { absent, doubtful, good };

Look worse(Look a, Look b) { return std::min(a, b); }

Look look_at_idx(const std::string& folder, const std::string& prefix, ImageShape& image,
                 int& count) {
  const auto images = read_data_head(folder + "/" + prefix + "-images-idx3-ubyte", 16);
  const auto labels = read_data_head(folder + "/" + prefix + "-labels-idx1-ubyte", 8);
  if (!images || !labels) return Look::absent;
  const auto shape = peek_idx_images(*images);
  const auto label_count = peek_idx_labels(*labels);
  if (!shape || !label_count || shape->count != *label_count) return Look::doubtful;
  image = shape->image;
  count = shape->count;
  return Look::good;
}

Look look_at_idx_set(DatasetInfo& info) {
  ImageShape test;
  const Look train_look = look_at_idx(info.folder, "train", info.image, info.train_count);
  const Look test_look = look_at_idx(info.folder, "t10k", test, info.test_count);
  const Look look = worse(train_look, test_look);
  return look == Look::good && info.image != test ? Look::doubtful : look;
}

// The size of a packed file's content is not noted where it can be relied on, so it is unpacked.
std::optional<std::uint64_t> content_size(const std::string& path) {
  const auto head = read_data_head(path, 0);
  if (!head) return std::nullopt;
  return head->size ? *head->size : read_data_file(path)->bytes.size();
}

Look look_at_cifar(DatasetInfo& info) {
  info.train_count = 0;
  info.test_count = 0;
  Look look = Look::good;
  for (const char* name : {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                           "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"}) {
    const auto size = content_size(info.folder + "/" + name);
    if (!size) return Look::absent;
    const bool whole = *size > 0 && *size % kCifarRowBytes == 0 && *size <= kMaxDataFileBytes;
    if (!whole) look = Look::doubtful;
    int& count = std::string_view(name).starts_with("test") ? info.test_count : info.train_count;
    if (whole) count += static_cast<int>(*size / kCifarRowBytes);
  }
  return look;
}

void limit(DatasetInfo& info, int train_limit) {
  if (train_limit > 0) info.train_count = std::min(info.train_count, train_limit);
}

}  // namespace

DatasetInfo dataset_info(const std::string& name) {
  DatasetInfo info;
  if (name == "mnist" || name == "fashion-mnist") {
    info = {.image = {28, 28, 1}, .train_count = 60000, .test_count = 10000};
  } else if (name == "cifar10") {
    info = {.image = kCifarImage, .train_count = 50000, .test_count = 10000};
  } else if (name == "synthetic") {
    info = {.image = kSyntheticImage,
            .train_count = kSyntheticTrain,
            .test_count = kSyntheticTest,
            .source = InfoSource::files};
  } else {
    const auto& names = dataset_names();
    fail(ExitCode::bad_config, "data.dataset: expected one of {}, found '{}'{}",
         fmt::join(names, ", "), name, did_you_mean(name, names));
  }
  return info;
}

DatasetInfo dataset_info(const DatasetOptions& options) {
  const DatasetInfo official = dataset_info(options.dataset);
  DatasetInfo info = official;
  if (options.dataset != "synthetic") {
    info.folder = options.root + "/" + options.dataset;
    const Look look = options.dataset == "cifar10" ? look_at_cifar(info) : look_at_idx_set(info);
    if (look == Look::absent) {
      const std::string folder = info.folder;
      info = official;
      info.folder = folder;
    } else {
      info.source = InfoSource::files;
    }
    if (look == Look::doubtful) {
      const Dataset data = load_dataset(options);
      info.image = data.image;
      info.train_count = data.train.count();
      info.test_count = data.test.count();
    }
  }
  limit(info, options.train_limit);
  return info;
}

std::string to_text(const DatasetInfo& info) {
  const std::string what =
      fmt::format("{} training and {} test images of {}x{}x{}", info.train_count, info.test_count,
                  info.image.height, info.image.width, info.image.channels);
  if (info.folder.empty()) return what;
  if (info.source == InfoSource::files) return what + " in " + info.folder;
  return fmt::format("{}, if these are the official files: {} does not have them yet", what,
                     info.folder);
}

}  // namespace dropmuon
