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

// Of the training and of the test images.
struct Looks {
  Look train = Look::absent;
  Look test = Look::absent;
};

Looks look_at_idx_set(DatasetInfo& info) {
  ImageShape train = info.image;
  ImageShape test = info.image;
  Looks looks{.train = look_at_idx(info.folder, "train", train, info.train_count),
              .test = look_at_idx(info.folder, "t10k", test, info.test_count)};
  const bool both = looks.train == Look::good && looks.test == Look::good;
  if (both && train != test) looks.test = Look::doubtful;
  info.image = looks.train == Look::good ? train : test;
  return looks;
}

// The size of a packed file's content is not noted where it can be relied on, so it is unpacked.
std::optional<std::uint64_t> content_size(const std::string& path) {
  const auto head = read_data_head(path, 0);
  if (!head) return std::nullopt;
  return head->size ? *head->size : read_data_file(path)->bytes.size();
}

Look look_at_cifar(const std::string& folder, std::initializer_list<const char*> names,
                   int& count) {
  Look look = Look::good;
  int found = 0;
  for (const char* name : names) {
    const auto size = content_size(folder + "/" + name);
    if (!size) return Look::absent;
    const bool whole = *size > 0 && *size % kCifarRowBytes == 0 && *size <= kMaxDataFileBytes;
    if (!whole) look = Look::doubtful;
    if (whole) found += static_cast<int>(*size / kCifarRowBytes);
  }
  if (look == Look::good) count = found;
  return look;
}

Looks look_at_cifar_set(DatasetInfo& info) {
  const auto batches = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                        "data_batch_4.bin", "data_batch_5.bin"};
  return {.train = look_at_cifar(info.folder, batches, info.train_count),
          .test = look_at_cifar(info.folder, {"test_batch.bin"}, info.test_count)};
}

InfoSource source_of(Look look) {
  return look == Look::absent ? InfoSource::assumed : InfoSource::files;
}

// "60000 training", "512 training and 64 test".
std::string counts(const DatasetInfo& info, InfoSource source) {
  std::string text;
  if (info.source == source) text = fmt::format("{} training", info.train_count);
  if (info.test_source != source) return text;
  return fmt::format("{}{}{} test", text, text.empty() ? "" : " and ", info.test_count);
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
            .source = InfoSource::files,
            .test_source = InfoSource::files};
  } else {
    const auto& names = dataset_names();
    fail(ExitCode::bad_config, "data.dataset: expected one of {}, found '{}'{}",
         fmt::join(names, ", "), name, did_you_mean(name, names));
  }
  return info;
}

DatasetInfo dataset_info(const DatasetOptions& options) {
  DatasetInfo info = dataset_info(options.dataset);
  if (options.dataset != "synthetic") {
    info.folder = options.root + "/" + options.dataset;
    const Looks looks =
        options.dataset == "cifar10" ? look_at_cifar_set(info) : look_at_idx_set(info);
    info.source = source_of(looks.train);
    info.test_source = source_of(looks.test);
    if (looks.train == Look::doubtful || looks.test == Look::doubtful) {
      const Dataset data = load_dataset(options, TrainingPart::if_there);
      info.image = data.image;
      if (data.missing.empty()) info.train_count = data.train.count();
      info.test_count = data.test.count();
    }
  }
  limit(info, options.train_limit);
  return info;
}

bool is_assumed(const DatasetInfo& info) {
  return info.source == InfoSource::assumed || info.test_source == InfoSource::assumed;
}

std::string to_text(const DatasetInfo& info) {
  const std::string of =
      fmt::format(" images of {}x{}x{}", info.image.height, info.image.width, info.image.channels);
  const std::string found = counts(info, InfoSource::files);
  const std::string assumed = counts(info, InfoSource::assumed);
  if (info.folder.empty()) return (found.empty() ? assumed : found) + of;
  const std::string here = found.empty() ? "" : fmt::format("{}{} in {}", found, of, info.folder);
  if (assumed.empty()) return here;
  return fmt::format("{}{}{}{}, if these are the official files: {} does not have them yet", here,
                     here.empty() ? "" : "; ", assumed, here.empty() ? of : " images", info.folder);
}

void require_a_batch(int batch_size, const DatasetInfo& info) {
  if (batch_size <= info.train_count) return;
  fail(ExitCode::bad_config,
       "train.batch_size: expected 1 to {} (the number of training images{}), found {}",
       info.train_count, info.source == InfoSource::assumed ? " of the official files" : "",
       batch_size);
}

}  // namespace dropmuon
