// SPDX-License-Identifier: MIT
// A small data set in the IDX format that a network can learn: bright spots whose place is the
// class.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace dropmuon {

struct IdxSet {
  int train = 200;
  int test = 60;
  int height = 8;
  int width = 8;
  int brighter = 0;  // by so much in the training images alone
};

namespace detail {

inline std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

inline void write_idx_part(const std::string& prefix, const IdxSet& set, int count, int brighter) {
  std::string images = big_endian(0x803);
  for (const int side : {count, set.height, set.width}) {
    images += big_endian(static_cast<std::uint32_t>(side));
  }
  std::string labels = big_endian(0x801) + big_endian(static_cast<std::uint32_t>(count));
  std::uint32_t noise = static_cast<std::uint32_t>(count);
  for (int i = 0; i < count; ++i) {
    labels += static_cast<char>(i % 10);
    for (int at = 0; at < set.height * set.width; ++at) {
      noise = noise * 1664525 + 1013904223;
      const int spot = at * 10 / (set.height * set.width) == i % 10 ? 120 : 0;
      images += static_cast<char>(spot + brighter + static_cast<int>(noise >> 27));
    }
  }
  std::ofstream(prefix + "-images-idx3-ubyte", std::ios::binary) << images;
  std::ofstream(prefix + "-labels-idx1-ubyte", std::ios::binary) << labels;
}

}  // namespace detail

// The four files, in `folder`; what is there is replaced.
inline void write_idx_set(const std::string& folder, const IdxSet& set = {}) {
  std::filesystem::create_directories(folder);
  detail::write_idx_part(folder + "/train", set, set.train, set.brighter);
  detail::write_idx_part(folder + "/t10k", set, set.test, 0);
}

}  // namespace dropmuon
