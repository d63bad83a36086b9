// SPDX-License-Identifier: MIT
// Labelled images in host memory.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <dropmuon/core/shape.h>

namespace dropmuon {

// images is (count, H, W, C) u8, labels (count) with values below Dataset::classes.
struct Split {
  std::vector<std::uint8_t> images;
  std::vector<std::uint8_t> labels;
  int count() const { return static_cast<int>(labels.size()); }
};

struct Dataset {
  std::string name;  // as in the catalogue: "fashion-mnist"
  ImageShape image;
  int classes = 10;
  Split train;
  Split test;
  std::vector<float> mean;         // per channel of the training images, in [0, 1]
  std::vector<float> inverse_std;  // 1 / standard deviation per channel (1 if that is 0)
  std::string source;              // folder the files came from, or "synthetic"
  // File name -> SHA-256 of its uncompressed content.
  std::vector<std::pair<std::string, std::string>> hashes;
  std::string verdict;  // "official files", "not the official files (hashes differ)", "synthetic"
  std::string missing;  // a file of the training images that was not there; see TrainingPart
};

struct DatasetOptions {
  std::string dataset = "fashion-mnist";
  std::string root = "data";
  int train_limit = 0;  // 0: all; else at most the first N training images
};

// Names the catalogue knows: mnist, fashion-mnist, cifar10, synthetic.
const std::vector<std::string>& dataset_names();

// What is known of a set without its files; throws Error(bad_config) for an unknown name.
enum class InfoSource { files, assumed };
struct DatasetInfo {
  ImageShape image;  // of the training images, or of the test images where only these are there
  int classes = 10;
  int train_count = 0;
  int test_count = 0;
  InfoSource source = InfoSource::assumed;       // of train_count
  InfoSource test_source = InfoSource::assumed;  // of test_count
  std::string folder;  // where the files are or would be; "" of a set without files
};
DatasetInfo dataset_info(const std::string& name);

// What load_dataset(options) would find, train_limit included, from the headers and sizes of the
// files alone; of training or test images whose files are not all there, what the official ones
// would give. Throws as load_dataset() does for files whose headers or sizes it would refuse.
DatasetInfo dataset_info(const DatasetOptions& options);

// Whether any of it is.
bool is_assumed(const DatasetInfo& info);

// "60000 training and 10000 test images of 28x28x1 in data/mnist", or what of this is so if the
// files are the official ones.
std::string to_text(const DatasetInfo& info);

// Throws Error(bad_config), in the words of training, where not one batch of so many images can be
// made.
void require_a_batch(int batch_size, const DatasetInfo& info);

// Files are looked for in <root>/<name>/, plain or with .gz. Throws Error(missing_input) saying how
// to get them, Error(bad_data) naming file and offset, Error(bad_config) for an unknown name.
// Whoever has the constants of normalisation may do without the training images: if_there leaves
// `train`, `mean` and `inverse_std` empty where one of their files is missing, and names that file.
enum class TrainingPart { needed, if_there };
Dataset load_dataset(const DatasetOptions& options, TrainingPart part = TrainingPart::needed);

}  // namespace dropmuon
