// SPDX-License-Identifier: MIT
// The IDX format of MNIST and Fashion-MNIST: a big-endian header, then bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <dropmuon/core/shape.h>
#include <dropmuon/dataset/data_file.h>

namespace dropmuon {

struct IdxImages {
  ImageShape image;                  // one channel
  std::vector<std::uint8_t> pixels;  // (count, H, W, 1)
  std::size_t count() const { return pixels.size() / image.size(); }
};

// Both are strict: magic number, dimensions and length must agree, labels must be 0-9. Throw
// Error(bad_data) naming file and offset.
IdxImages parse_idx_images(const DataFile& file);
std::vector<std::uint8_t> parse_idx_labels(const DataFile& file);

// What the first 16 or 8 bytes of such a file promise; nothing if the parsers above would refuse
// them, or the file's size.
struct IdxPromise {
  ImageShape image;
  int count = 0;
};
std::optional<IdxPromise> peek_idx_images(const DataHead& head);
std::optional<int> peek_idx_labels(const DataHead& head);

}  // namespace dropmuon
