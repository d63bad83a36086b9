// SPDX-License-Identifier: MIT
#include "kernels/dual_norms.h"

#include "compare.h"
#include "device_array.h"
#include "item_sizes.h"

namespace dropmuon::kernels {
namespace {

struct Tensor {
  Tensor(ItemSize s, std::uint64_t seed)
      : in(random_floats(s.size, seed)),
        direction(random_floats(s.size, seed + 1)),
        device_in(in, s.offset(1)),
        device_direction(direction, s.offset(2)) {}
  std::vector<float> in, direction;
  DeviceArray<float> device_in, device_direction;
};

void check(const std::vector<ItemSize>& sizes, std::size_t scratch_floats) {
  CAPTURE(sizes.size(), scratch_floats);
  const TestScratch scratch(scratch_floats);
  const DeviceArray<float> first(sizes.size()), second(sizes.size());
  std::vector<Tensor> tensors;
  std::vector<DualNormItem> items;
  for (const ItemSize s : sizes) {
    const Tensor& t = tensors.emplace_back(s, 2 * tensors.size());
    items.push_back({s.size, t.device_in.get(), t.device_direction.get(), nullptr});
  }
  for (const auto* result : {&first, &second}) {
    std::vector<DualNormItem> own = items;
    for (std::size_t i = 0; i < own.size(); ++i) own[i].result = result->get() + i;
    const cudaError_t launched = dual_norms(own, scratch.get(), test_stream());
    std::fill(own.begin(), own.end(), DualNormItem{});  // the caller's again
    finish(launched);
    CHECK(scratch.clean());
  }
  const std::vector<float> found = first.host();
  CHECK(same_bytes(found, second.host()));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    CAPTURE(i, sizes[i].size);
    double sum = 0.0;
    for (std::size_t k = 0; k < sizes[i].size; ++k) {
      sum += static_cast<double>(tensors[i].in[k]) * tensors[i].direction[k];
    }
    CHECK(std::abs(found[i] - sum) <= 1.3e-7 * std::abs(sum));  // rounded once, to float
  }
}

}  // namespace

TEST_CASE("dual_norms agrees with the sum in double for any list of tensors") {
  for (const auto& sizes : item_lists()) check(sizes, 4096);
}

TEST_CASE("dual_norms makes do with little scratch") {
  for (const std::size_t floats : {2, 3, 10, 129}) check(item_sizes(kMaxItems + 3), floats);
  check({{700001, 0}, {3, 1}}, 5);
}

TEST_CASE("dual_norms refuses bad items and too little scratch") {
  const TestScratch scratch(1), enough(2);
  const DeviceArray<float> a(4);
  DualNormItem item{4, a.get(), a.get(), a.get()};
  CHECK(dual_norms({&item, 1}, scratch.get(), test_stream()) == cudaErrorInvalidValue);
  CHECK(dual_norms({}, enough.get(), test_stream()) == cudaSuccess);
  Scratch no_counter = enough.get();
  no_counter.counter_count = 0;
  CHECK(dual_norms({&item, 1}, no_counter, test_stream()) == cudaErrorInvalidValue);
  item.size = 0;
  CHECK(dual_norms({&item, 1}, enough.get(), test_stream()) == cudaErrorInvalidValue);
}

}  // namespace dropmuon::kernels
