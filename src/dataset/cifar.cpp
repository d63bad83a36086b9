// SPDX-License-Identifier: MIT
#include <dropmuon/core/error.h>
#include <dropmuon/dataset/cifar.h>

namespace dropmuon {
namespace {

void planes_to_pixels(const std::uint8_t* planes, std::uint8_t* pixels) {
  constexpr int kPlane = kCifarImage.height * kCifarImage.width;
  for (int i = 0; i < kPlane; ++i) {
    for (int c = 0; c < kCifarImage.channels; ++c) *pixels++ = planes[c * kPlane + i];
  }
}

}  // namespace

void append_cifar_rows(const DataFile& file, Split& split) {
  const std::size_t size = file.bytes.size();
  if (size == 0) {
    fail(ExitCode::bad_data, "{}: offset 0: expected at least one image, found zero", file.path);
  }
  const std::size_t rows = size / kCifarRowBytes;
  if (size % kCifarRowBytes != 0) {
    fail(ExitCode::bad_data, "{}: offset {}: expected whole rows of {} bytes, the last one has {}",
         file.path, rows * kCifarRowBytes, kCifarRowBytes, size % kCifarRowBytes);
  }
  const std::size_t before = split.labels.size();
  split.labels.resize(before + rows);
  split.images.resize((before + rows) * kCifarImage.size());
  for (std::size_t i = 0; i < rows; ++i) {
    const std::uint8_t* row = file.bytes.data() + i * kCifarRowBytes;
    if (row[0] > kMaxLabel) {
      fail(ExitCode::bad_data, "{}: offset {}: expected a label 0-9, found {}", file.path,
           i * kCifarRowBytes, row[0]);
    }
    split.labels[before + i] = row[0];
    planes_to_pixels(row + 1, split.images.data() + (before + i) * kCifarImage.size());
  }
}

}  // namespace dropmuon
