// SPDX-License-Identifier: MIT
#include "kernels/apply_adam.h"

#include "compare.h"
#include "device_array.h"
#include "item_sizes.h"
#include "noted_change.h"

namespace dropmuon::kernels {
namespace {

std::vector<float> squared(std::vector<float> values) {
  for (float& v : values) v *= v;
  return values;
}

struct Tensor {
  Tensor(ItemSize s, std::uint64_t seed)
      : value(random_floats(s.size, seed)),
        grad(random_floats(s.size, seed + 1)),
        first(random_floats(s.size, seed + 2)),
        second(squared(random_floats(s.size, seed + 3))),
        device_value(value, s.offset(1)),
        device_grad(grad, s.offset(2)),
        device_first(first, s.offset(3)),
        device_second(second, s.offset(4)) {}
  std::vector<float> value, grad, first, second;
  DeviceArray<float> device_value, device_grad, device_first, device_second;
};

void check(const std::vector<ItemSize>& sizes, const AdamRule& rule) {
  CAPTURE(sizes.size());
  std::vector<AdamScalars> scalars;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto k = static_cast<float>(i % 6);
    scalars.push_back({0.01F + 0.02F * k, 1.0F - 0.03F * k, 1.0F + k, 1.0F + 2.0F * k});
  }
  const DeviceArray<AdamScalars> device_scalars(scalars);
  const DeviceArray<Change> changes(std::vector<Change>(sizes.size(), {-1.0F, 2.0F}));
  const TestScratch scratch(4096);
  std::vector<Tensor> tensors;
  std::vector<AdamItem> items;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const Tensor& t = tensors.emplace_back(sizes[i], 4 * i);
    items.push_back({sizes[i].size, t.device_value.get(), t.device_grad.get(), t.device_first.get(),
                     t.device_second.get(), device_scalars.get() + i,
                     i % 5 == 4 ? nullptr : changes.get() + i});
  }
  const cudaError_t launched = apply_adam(items, rule, scratch.get(), test_stream());
  std::fill(items.begin(), items.end(), AdamItem{});  // the caller's again
  finish(launched);
  CHECK(scratch.clean());
  const std::vector<Change> noted = changes.host();
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    CAPTURE(i, sizes[i].size);
    const Tensor& t = tensors[i];
    const AdamScalars& s = scalars[i];
    std::vector<double> value, first, second;
    for (std::size_t k = 0; k < sizes[i].size; ++k) {
      const double g = t.grad[k];
      first.push_back(double{rule.beta1} * t.first[k] + double{rule.first_weight} * g);
      second.push_back(double{rule.beta2} * t.second[k] + double{rule.second_weight} * g * g);
      value.push_back(double{t.value[k]} * s.keep -
                      s.learning_rate * (first[k] * s.first_correction) /
                          (std::sqrt(second[k] * s.second_correction) + rule.epsilon));
    }
    CHECK(relative_error(t.device_first.host(), first) < 2e-6);
    CHECK(relative_error(t.device_second.host(), second) < 2e-6);
    CHECK(relative_error(t.device_value.host(), value) < 2e-6);
    CHECK(same_bytes(t.device_grad.host(), t.grad));
    if (i % 5 == 4) {
      CHECK(noted[i].last == -1.0F);
    } else {
      check_change(noted[i], 2.0, t.value, t.device_value.host());
    }
  }
}

}  // namespace

TEST_CASE("apply_adam agrees with the scalar rule for any list of tensors") {
  for (const auto& sizes : item_lists()) check(sizes, {0.9F, 0.999F, 0.1F, 0.001F, 1e-8F});
  check(item_sizes(20), {0.8F, 0.95F, 0.2F, 0.05F, 0.5F});  // an epsilon that shows
}

TEST_CASE("apply_adam refuses bad items") {
  const AdamItem empty{};
  const AdamRule rule{0.9F, 0.999F, 0.1F, 0.001F, 1e-8F};
  const TestScratch scratch(2), too_little(1);
  CHECK(apply_adam({}, rule, scratch.get(), test_stream()) == cudaSuccess);
  CHECK(apply_adam({&empty, 1}, rule, scratch.get(), test_stream()) == cudaErrorInvalidValue);
  AdamItem item{};
  item.size = 4;
  CHECK(apply_adam({&item, 1}, rule, too_little.get(), test_stream()) == cudaErrorInvalidValue);
}

}  // namespace dropmuon::kernels
