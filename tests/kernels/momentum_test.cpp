// SPDX-License-Identifier: MIT
#include "kernels/momentum.h"

#include "compare.h"
#include "device_array.h"
#include "item_sizes.h"

namespace dropmuon::kernels {
namespace {

struct Tensor {
  explicit Tensor(ItemSize s, std::uint64_t seed)
      : grad(random_floats(s.size, seed)),
        value(random_floats(s.size, seed + 1)),
        momentum(random_floats(s.size, seed + 2)),
        device_grad(grad, s.offset(1)),
        device_value(value, s.offset(4)),
        device_momentum(momentum, s.offset(2)),
        device_direction(s.size, s.offset(3)) {}
  std::vector<float> grad, value, momentum;
  DeviceArray<float> device_grad, device_value, device_momentum, device_direction;
};

struct Expected {
  std::vector<double> momentum, direction;
};

Expected reference(const Tensor& t, const MomentumRule& rule) {
  Expected e;
  for (std::size_t i = 0; i < t.grad.size(); ++i) {
    const double g = t.grad[i] + double{rule.coupled_decay} * t.value[i];
    const double m = double{rule.mu} * t.momentum[i] + double{rule.grad_weight} * g;
    e.momentum.push_back(m);
    const double ahead = double{rule.mu} * m + double{rule.grad_weight} * g;
    e.direction.push_back(rule.nesterov == Nesterov::yes ? ahead : m);
  }
  return e;
}

void check(const std::vector<ItemSize>& sizes, const MomentumRule& rule, bool alias) {
  CAPTURE(sizes.size(), rule.mu, rule.coupled_decay, static_cast<int>(rule.nesterov), alias);
  std::vector<Tensor> tensors;
  std::vector<MomentumItem> items;
  for (const ItemSize s : sizes) {
    const Tensor& t = tensors.emplace_back(s, 3 * tensors.size());
    items.push_back(
        {s.size, t.device_grad.get(), rule.coupled_decay != 0.0F ? t.device_value.get() : nullptr,
         t.device_momentum.get(), alias ? t.device_momentum.get() : t.device_direction.get()});
  }
  const cudaError_t launched = update_momentum(items, rule, test_stream());
  std::fill(items.begin(), items.end(), MomentumItem{});  // the caller's again
  finish(launched);
  for (const Tensor& t : tensors) {
    CAPTURE(t.grad.size());
    const Expected e = reference(t, rule);
    CHECK(relative_error(t.device_momentum.host(), e.momentum) < 2e-6);
    if (!alias) CHECK(relative_error(t.device_direction.host(), e.direction) < 2e-6);
    CHECK(same_bytes(t.device_grad.host(), t.grad));
    CHECK(same_bytes(t.device_value.host(), t.value));
  }
}

}  // namespace

TEST_CASE("update_momentum agrees with the scalar rule for any list of tensors") {
  for (const auto& sizes : item_lists()) check(sizes, {0.95F, 0.05F, 0.0F, Nesterov::no}, false);
}

TEST_CASE("update_momentum follows every form of the rule") {
  const std::vector<ItemSize> sizes = item_sizes(17);
  check(sizes, {0.9F, 1.0F, 0.0F, Nesterov::yes}, false);
  check(sizes, {0.9F, 1.0F, 0.3F, Nesterov::no}, false);
  check(sizes, {0.95F, 0.05F, 0.3F, Nesterov::yes}, false);
  check(sizes, {0.95F, 0.05F, 0.0F, Nesterov::no}, true);
  check(sizes, {0.9F, 1.0F, 0.3F, Nesterov::no}, true);
}

TEST_CASE("update_momentum refuses bad items before it launches anything") {
  const std::vector<float> ones(8, 1.0F);
  const DeviceArray<float> grad(ones), momentum(ones), direction(8);
  std::vector<MomentumItem> items(2, {8, grad.get(), nullptr, momentum.get(), direction.get()});
  const MomentumRule plain{0.9F, 1.0F, 0.0F, Nesterov::no};
  const MomentumRule nesterov{0.9F, 1.0F, 0.0F, Nesterov::yes};
  CHECK(update_momentum({}, plain, test_stream()) == cudaSuccess);
  items[1].direction = items[1].momentum;
  CHECK(update_momentum(items, nesterov, test_stream()) == cudaErrorInvalidValue);
  items[1].size = 0;
  CHECK(update_momentum(items, plain, test_stream()) == cudaErrorInvalidValue);
  CHECK(same_bytes(momentum.host(), ones));
}

}  // namespace dropmuon::kernels
