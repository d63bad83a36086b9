// SPDX-License-Identifier: MIT
#include "kernels/apply_update.h"

#include "compare.h"
#include "device_array.h"
#include "item_sizes.h"
#include "noted_change.h"

namespace dropmuon::kernels {
namespace {

struct Tensor {
  Tensor(ItemSize s, std::uint64_t seed)
      : value(random_floats(s.size, seed)),
        direction(random_floats(s.size, seed + 1)),
        device_value(value, s.offset(1)),
        device_direction(direction, s.offset(2)) {}
  std::vector<float> value, direction;
  DeviceArray<float> device_value, device_direction;
};

// Scalars of their own for each item; every third lacks keep, every fourth the dual norm.
void check(const std::vector<ItemSize>& sizes, std::size_t scratch_floats = 4096) {
  CAPTURE(sizes.size(), scratch_floats);
  std::vector<float> scalars;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    scalars.insert(scalars.end(),
                   {0.1F + 0.01F * static_cast<float>(i % 7),
                    0.9F - 0.01F * static_cast<float>(i % 5), 1.5F + static_cast<float>(i % 3)});
  }
  const DeviceArray<float> device_scalars(scalars);
  const DeviceArray<Change> changes(std::vector<Change>(sizes.size(), {-1.0F, 2.0F}));
  const TestScratch scratch(scratch_floats);
  std::vector<Tensor> tensors;
  std::vector<UpdateItem> items;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const Tensor& t = tensors.emplace_back(sizes[i], 2 * i);
    const float* own = device_scalars.get() + 3 * i;
    items.push_back({sizes[i].size, t.device_value.get(), t.device_direction.get(),
                     0.2F + static_cast<float>(i % 2), own, i % 3 == 0 ? nullptr : own + 1,
                     i % 4 == 0 ? nullptr : own + 2, i % 5 == 4 ? nullptr : changes.get() + i});
  }
  const std::vector<UpdateItem> described = items;
  const cudaError_t launched = apply_update(items, scratch.get(), test_stream());
  std::fill(items.begin(), items.end(), UpdateItem{});  // the caller's again
  finish(launched);
  CHECK(scratch.clean());
  const std::vector<Change> noted = changes.host();
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    CAPTURE(i, sizes[i].size);
    const double keep = i % 3 == 0 ? 1.0 : scalars[3 * i + 1];
    const double norm = i % 4 == 0 ? 1.0 : scalars[3 * i + 2];
    const double step = double{described[i].scale} * scalars[3 * i] * norm;
    std::vector<double> expected;
    for (std::size_t k = 0; k < sizes[i].size; ++k) {
      expected.push_back(tensors[i].value[k] * keep - step * tensors[i].direction[k]);
    }
    CHECK(relative_error(tensors[i].device_value.host(), expected) < 2e-6);
    CHECK(same_bytes(tensors[i].device_direction.host(), tensors[i].direction));
    if (i % 5 == 4) {
      CHECK(noted[i].last == -1.0F);
    } else {
      check_change(noted[i], 2.0, tensors[i].value, tensors[i].device_value.host());
    }
  }
}

}  // namespace

TEST_CASE("apply_update agrees with the scalar rule for any list of tensors") {
  for (const auto& sizes : item_lists()) check(sizes);
}

TEST_CASE("apply_update makes do with little scratch") {
  for (const std::size_t floats : {2, 3, 10, 129}) check(item_sizes(kMaxItems + 3), floats);
}

TEST_CASE("apply_update reads its scalars when it runs, not when it is called") {
  const DeviceArray<float> value(std::vector<float>(5, 1.0F)),
      direction(std::vector<float>(5, 1.0F));
  const DeviceArray<float> rate(std::vector<float>{1.0F});
  const float later = 0.25F;
  require_ok(
      cudaMemcpyAsync(rate.get(), &later, sizeof(float), cudaMemcpyHostToDevice, test_stream()));
  const TestScratch scratch(2);
  const UpdateItem item{5,          value.get(), direction.get(), 1.0F,
                        rate.get(), nullptr,     nullptr,         nullptr};
  finish(apply_update({&item, 1}, scratch.get(), test_stream()));
  CHECK(value.host() == std::vector<float>(5, 0.75F));
}

TEST_CASE("apply_update refuses bad items") {
  const DeviceArray<float> value(4);
  const TestScratch scratch(2), too_little(1);
  UpdateItem item{0, value.get(), value.get(), 1.0F, value.get(), nullptr, nullptr, nullptr};
  CHECK(apply_update({}, scratch.get(), test_stream()) == cudaSuccess);
  CHECK(apply_update({&item, 1}, scratch.get(), test_stream()) == cudaErrorInvalidValue);
  item.size = 4;
  CHECK(apply_update({&item, 1}, too_little.get(), test_stream()) == cudaErrorInvalidValue);
}

}  // namespace dropmuon::kernels
