// SPDX-License-Identifier: MIT
// The layers drawn for one step.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace dropmuon {

// A non-empty set of layers 0..depth-1 (the paper's 1..b). Randomized progressive training draws
// suffixes {s..b}; other schemes draw any subset. At most 64 layers.
class ActiveSet {
 public:
  static constexpr int kMaxDepth = 64;

  static ActiveSet suffix(int first, int depth);
  static ActiveSet all(int depth) { return suffix(0, depth); }
  static ActiveSet of(std::span<const int> layers, int depth);

  bool contains(int layer) const { return (bits_ >> layer & 1U) != 0; }
  int first() const;  // smallest layer of the set: where backpropagation may stop
  int count() const;
  int depth() const { return depth_; }
  std::uint64_t key() const { return bits_; }  // bit i set: layer i is active
  std::string text() const;                    // "{2,3}"
  bool operator==(const ActiveSet&) const = default;

 private:
  ActiveSet(std::uint64_t bits, int depth) : bits_(bits), depth_(depth) {}
  std::uint64_t bits_;
  int depth_;
};

}  // namespace dropmuon
