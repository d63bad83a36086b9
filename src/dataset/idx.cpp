// SPDX-License-Identifier: MIT
#include <algorithm>
#include <string_view>

#include <dropmuon/core/error.h>
#include <dropmuon/dataset/dataset.h>
#include <dropmuon/dataset/idx.h>

namespace dropmuon {
namespace {

constexpr std::uint32_t kImagesMagic = 0x00000803;  // unsigned bytes, three axes
constexpr std::uint32_t kLabelsMagic = 0x00000801;  // unsigned bytes, one axis
constexpr std::uint32_t kMaxSide = 1024;

struct Header {
  std::uint32_t magic;
  std::size_t bytes;
  std::string_view content;
};
constexpr Header kImagesHeader{kImagesMagic, 16, "images"};
constexpr Header kLabelsHeader{kLabelsMagic, 8, "labels"};

std::uint32_t big_endian(const std::vector<std::uint8_t>& bytes, std::size_t offset) {
  const std::uint8_t* b = bytes.data() + offset;
  return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
}

std::string_view likely_reason(std::uint32_t magic) {
  if (magic == kImagesMagic) return " (an images file; are the file names swapped?)";
  if (magic == kLabelsMagic) return " (a labels file; are the file names swapped?)";
  if (magic >> 16 == 0x1f8b) return " (gzip data; the file name must end in .gz)";
  return "";
}

// Checks the header up to the number of entries and returns that number.
std::uint32_t check_header(const DataFile& file, const Header& header) {
  if (file.bytes.size() < header.bytes) {
    fail(ExitCode::bad_data, "{}: offset {}: expected a header of {} bytes, the file ends here",
         file.path, file.bytes.size(), header.bytes);
  }
  const std::uint32_t magic = big_endian(file.bytes, 0);
  if (magic != header.magic) {
    fail(ExitCode::bad_data,
         "{}: offset 0: expected the magic number 0x{:08x} of {}, found 0x{:08x}{}", file.path,
         header.magic, header.content, magic, likely_reason(magic));
  }
  const std::uint32_t count = big_endian(file.bytes, 4);
  if (count == 0) {
    fail(ExitCode::bad_data, "{}: offset 4: expected at least one of {}, found zero", file.path,
         header.content);
  }
  return count;
}

int check_side(const DataFile& file, std::size_t offset, std::string_view what) {
  const std::uint32_t side = big_endian(file.bytes, offset);
  if (side == 0 || side > kMaxSide) {
    fail(ExitCode::bad_data, "{}: offset {}: expected an image {} of 1 to {}, found {}", file.path,
         offset, what, kMaxSide, side);
  }
  return static_cast<int>(side);
}

// Counts are below 2^32 and sides at most 2^10, so the product cannot overflow 64 bits.
void check_length(const DataFile& file, const Header& header, std::uint64_t content_bytes) {
  const std::uint64_t expected = header.bytes + content_bytes;
  const std::uint64_t found = file.bytes.size();
  if (found < expected) {
    fail(ExitCode::bad_data,
         "{}: offset {}: truncated, the header promises {} bytes but the file ends here", file.path,
         found, expected);
  }
  if (found > expected) {
    fail(ExitCode::bad_data, "{}: offset {}: expected the end of the file, found {} trailing bytes",
         file.path, expected, found - expected);
  }
}

// The entries of `entry_bytes` each that a header promises, if it could be that of a good file.
std::optional<int> promised(const DataHead& head, const Header& header, std::size_t entry_bytes) {
  if (head.bytes.size() < header.bytes || big_endian(head.bytes, 0) != header.magic) {
    return std::nullopt;
  }
  const std::uint64_t count = big_endian(head.bytes, 4);
  const std::uint64_t size = header.bytes + count * entry_bytes;
  const bool is_good = count > 0 && size <= kMaxDataFileBytes && head.size.value_or(size) == size;
  return is_good ? std::optional(static_cast<int>(count)) : std::nullopt;
}

}  // namespace

std::optional<IdxPromise> peek_idx_images(const DataHead& head) {
  if (head.bytes.size() < kImagesHeader.bytes) return std::nullopt;
  const std::uint32_t height = big_endian(head.bytes, 8);
  const std::uint32_t width = big_endian(head.bytes, 12);
  if (std::min(height, width) == 0 || std::max(height, width) > kMaxSide) return std::nullopt;
  const auto count = promised(head, kImagesHeader, std::size_t{height} * width);
  if (!count) return std::nullopt;
  return IdxPromise{{static_cast<int>(height), static_cast<int>(width), 1}, *count};
}

std::optional<int> peek_idx_labels(const DataHead& head) {
  return promised(head, kLabelsHeader, 1);
}

IdxImages parse_idx_images(const DataFile& file) {
  const std::uint64_t count = check_header(file, kImagesHeader);
  IdxImages out;
  out.image = {check_side(file, 8, "height"), check_side(file, 12, "width"), 1};
  check_length(file, kImagesHeader, count * out.image.size());
  out.pixels.assign(file.bytes.begin() + kImagesHeader.bytes, file.bytes.end());
  return out;
}

std::vector<std::uint8_t> parse_idx_labels(const DataFile& file) {
  check_length(file, kLabelsHeader, check_header(file, kLabelsHeader));
  const auto first = file.bytes.begin() + kLabelsHeader.bytes;
  const auto bad =
      std::find_if(first, file.bytes.end(), [](std::uint8_t label) { return label > kMaxLabel; });
  if (bad != file.bytes.end()) {
    fail(ExitCode::bad_data, "{}: offset {}: expected a label 0-9, found {}", file.path,
         bad - file.bytes.begin(), *bad);
  }
  return {first, file.bytes.end()};
}

}  // namespace dropmuon
