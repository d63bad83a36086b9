// SPDX-License-Identifier: MIT
#include <bit>

#include <dropmuon/core/active_set.h>
#include <dropmuon/core/error.h>

namespace dropmuon {
namespace {

void check_depth(int depth) {
  DM_CHECK(depth >= 1 && depth <= ActiveSet::kMaxDepth, "depth {} is not in 1..{}", depth,
           ActiveSet::kMaxDepth);
}

}  // namespace

ActiveSet ActiveSet::suffix(int first, int depth) {
  check_depth(depth);
  DM_CHECK(first >= 0 && first < depth, "layer {} is not in 0..{}", first, depth - 1);
  const std::uint64_t everything = ~std::uint64_t{0} >> (kMaxDepth - depth);
  return {everything >> first << first, depth};
}

ActiveSet ActiveSet::of(std::span<const int> layers, int depth) {
  check_depth(depth);
  DM_CHECK(!layers.empty(), "an active set needs at least one layer");
  std::uint64_t bits = 0;
  for (const int layer : layers) {
    DM_CHECK(layer >= 0 && layer < depth, "layer {} is not in 0..{}", layer, depth - 1);
    bits |= std::uint64_t{1} << layer;
  }
  return {bits, depth};
}

int ActiveSet::first() const { return std::countr_zero(bits_); }

int ActiveSet::count() const { return std::popcount(bits_); }

std::string ActiveSet::text() const {
  std::string out;
  for (int i = 0; i < depth_; ++i) {
    if (contains(i)) out += fmt::format("{}{}", out.empty() ? "{" : ",", i);
  }
  return out + "}";
}

}  // namespace dropmuon
