// SPDX-License-Identifier: MIT
// CPU and GPU agree on every operation of the optimizers, for any number of tensors in a call.
#include <fmt/format.h>

#include "op_case.h"
#include <dropmuon/optim/newton_schulz_coefficients.h>

using namespace dropmuon;

namespace {

// Sizes around what a warp, a block or a vector access holds, in one call; long lists are more than
// one launch takes.
const std::vector<std::vector<std::size_t>> kSizeLists = {
    {1}, {7, 31, 32, 33, 1}, {4097, 3, 255, 256, 257, 1024}, std::vector<std::size_t>(70, 5)};

std::string text(const std::vector<std::size_t>& sizes) {
  return fmt::format("{} tensors, the first of {}", sizes.size(), sizes[0]);
}

// One buffer per tensor, filled from `seed` on.
std::vector<Buffer<float>> tensors(Backend& backend, const std::vector<std::size_t>& sizes,
                                   std::uint64_t seed) {
  std::vector<Buffer<float>> buffers;
  for (const std::size_t size : sizes) {
    buffers.push_back(to_device(backend, random_floats(size, seed++)));
  }
  return buffers;
}

std::vector<float> joined(const std::vector<Buffer<float>>& buffers) {
  std::vector<float> all;
  for (const auto& buffer : buffers) {
    const std::vector<float> values = to_host(buffer);
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

OpCase momentum(const std::vector<std::size_t>& sizes, const MomentumRule& rule, bool in_place) {
  return {fmt::format("momentum, {}, decay {}, nesterov {}, in place {}", text(sizes),
                      rule.coupled_decay, rule.nesterov == Nesterov::yes, in_place),
          [=](Backend& backend) -> Outputs {
            const auto grad = tensors(backend, sizes, 100);
            const auto value = tensors(backend, sizes, 200);
            const auto state = tensors(backend, sizes, 300);
            const auto direction = tensors(backend, sizes, 400);
            std::vector<MomentumItem> items;
            for (std::size_t i = 0; i < sizes.size(); ++i) {
              items.push_back({sizes[i], grad[i].data(),
                               rule.coupled_decay != 0.0F ? value[i].data() : nullptr,
                               state[i].data(), (in_place ? state : direction)[i].data()});
            }
            backend.update_momentum(items, rule);
            return {{"momentum", joined(state)}, {"direction", joined(direction)}};
          },
          1e-6};
}

std::vector<float> flat(const Buffer<Change>& changes) {
  std::vector<float> values;
  for (const Change& change : to_host(changes)) {
    values.insert(values.end(), {change.last, change.total});
  }
  return values;
}

OpCase update(const std::vector<std::size_t>& sizes, bool decay, bool sharp) {
  return {fmt::format("update, {}, decay {}, sharp {}", text(sizes), decay, sharp),
          [=](Backend& backend) -> Outputs {
            const auto value = tensors(backend, sizes, 500);
            const auto direction = tensors(backend, sizes, 600);
            const auto scalars = to_device(backend, std::vector<float>{0.03F, 0.997F, 5.5F});
            const auto changes = to_device(backend, std::vector<Change>(sizes.size()));
            std::vector<UpdateItem> items;
            for (std::size_t i = 0; i < sizes.size(); ++i) {
              items.push_back({sizes[i], value[i].data(), direction[i].data(), 1.7F, scalars.data(),
                               decay ? scalars.data() + 1 : nullptr,
                               sharp ? scalars.data() + 2 : nullptr, changes.data() + i});
            }
            backend.apply_update(items);
            return {{"value", joined(value)}, {"changes", flat(changes)}};
          },
          1e-6};
}

OpCase adam(const std::vector<std::size_t>& sizes) {
  return {fmt::format("adam, {}", text(sizes)),
          [=](Backend& backend) -> Outputs {
            const auto value = tensors(backend, sizes, 700);
            const auto grad = tensors(backend, sizes, 800);
            const auto first = tensors(backend, sizes, 900);
            std::vector<Buffer<float>> second;
            for (const std::size_t size : sizes) {
              auto squares = random_floats(size, 1000);
              for (float& v : squares) v *= v;
              second.push_back(to_device(backend, squares));
            }
            const auto scalars = to_device(
                backend,
                std::vector<AdamScalars>{{0.01F, 0.999F, 5.0F, 300.0F}, {0.02F, 1.0F, 1.1F, 1.2F}});
            const auto changes = to_device(backend, std::vector<Change>(sizes.size()));
            std::vector<AdamItem> items;
            for (std::size_t i = 0; i < sizes.size(); ++i) {
              items.push_back({sizes[i], value[i].data(), grad[i].data(), first[i].data(),
                               second[i].data(), scalars.data() + i % 2, changes.data() + i});
            }
            backend.apply_adam(items, {});
            return {{"value", joined(value)},
                    {"first", joined(first)},
                    {"second", joined(second)},
                    {"changes", flat(changes)}};
          },
          1e-6};
}

using Shapes = std::vector<std::pair<int, int>>;

std::vector<std::size_t> sizes_of(const Shapes& shapes) {
  std::vector<std::size_t> sizes;
  for (const auto& [rows, cols] : shapes) sizes.push_back(static_cast<std::size_t>(rows) * cols);
  return sizes;
}

// Directions of all norms in one call, and the dual norms that follow from them.
OpCase directions(const Shapes& shapes) {
  return {fmt::format("directions of {} matrices, the first {}x{}", shapes.size(), shapes[0].first,
                      shapes[0].second),
          [=](Backend& backend) -> Outputs {
            const auto in = tensors(backend, sizes_of(shapes), 1100);
            const auto out = tensors(backend, sizes_of(shapes), 1200);
            const auto dual = unwritten(backend, shapes.size());
            constexpr SimpleNorm kNorms[] = {SimpleNorm::max_abs, SimpleNorm::euclidean,
                                             SimpleNorm::column, SimpleNorm::row};
            std::vector<NormalizeItem> items;
            std::vector<DualNormItem> duals;
            for (std::size_t i = 0; i < shapes.size(); ++i) {
              items.push_back({kNorms[i % 4],
                               {shapes[i].first, shapes[i].second, in[i].data(), out[i].data()}});
              duals.push_back({in[i].size(), in[i].data(), out[i].data(), dual.data() + i});
            }
            backend.normalize(items);
            backend.dual_norms(duals);
            return {{"directions", joined(out)}, {"dual norms", to_host(dual)}};
          },
          1e-6};
}

// The polynomials multiply small singular values by up to 3.4^5, and rounding errors with them:
// both devices are within 5e-5 of the double reference, so twice that of each other.
OpCase orthogonalized(const Shapes& shapes, NewtonSchulzForm form) {
  return {fmt::format("orthogonalize {} matrices, the first {}x{}, form {}", shapes.size(),
                      shapes[0].first, shapes[0].second, static_cast<int>(form)),
          [=](Backend& backend) -> Outputs {
            const auto in = tensors(backend, sizes_of(shapes), 1300);
            const auto out = tensors(backend, sizes_of(shapes), 1400);
            std::vector<DirectionItem> items;
            for (std::size_t i = 0; i < shapes.size(); ++i) {
              items.push_back({shapes[i].first, shapes[i].second, in[i].data(), out[i].data()});
            }
            const NewtonSchulz method = make_newton_schulz({.form = form});
            backend.prepare_orthogonalize(items, method);
            backend.orthogonalize(items, method);
            Outputs outputs;
            for (std::size_t i = 0; i < shapes.size(); ++i) {
              outputs.emplace_back(fmt::format("direction {}", i), to_host(out[i]));
            }
            return outputs;
          },
          1e-4};
}

}  // namespace

TEST_CASE("CPU and GPU agree on momentum", "[cuda]") {
  std::vector<OpCase> cases;
  for (const auto& sizes : kSizeLists) {
    cases.push_back(momentum(sizes, {.mu = 0.9F, .grad_weight = 0.1F}, true));
    cases.push_back(momentum(sizes, {.mu = 0.9F, .grad_weight = 0.1F}, false));
    cases.push_back(
        momentum(sizes, {.mu = 0.9F, .grad_weight = 1.0F, .coupled_decay = 0.03F}, false));
    cases.push_back(momentum(
        sizes, {.mu = 0.8F, .grad_weight = 1.0F, .coupled_decay = 0.03F, .nesterov = Nesterov::yes},
        false));
  }
  check_agreement(cases);
}

TEST_CASE("CPU and GPU agree on the update", "[cuda]") {
  std::vector<OpCase> cases;
  for (const auto& sizes : kSizeLists) {
    for (const bool decay : {false, true}) {
      for (const bool sharp : {false, true}) cases.push_back(update(sizes, decay, sharp));
    }
  }
  check_agreement(cases);
}

TEST_CASE("CPU and GPU agree on AdamW", "[cuda]") {
  std::vector<OpCase> cases;
  for (const auto& sizes : kSizeLists) cases.push_back(adam(sizes));
  check_agreement(cases);
}

TEST_CASE("CPU and GPU agree on closed-form directions and dual norms", "[cuda]") {
  check_agreement({directions({{1, 1}}), directions({{1, 7}, {7, 1}, {1, 1}, {33, 1}}),
                   directions({{8, 1}, {31, 33}, {10, 72}, {65, 40}, {16, 144}}),
                   directions(Shapes(70, {3, 5}))});
}

TEST_CASE("CPU and GPU agree on Newton-Schulz", "[cuda]") {
  std::vector<OpCase> cases;
  for (const NewtonSchulzForm form :
       {NewtonSchulzForm::automatic, NewtonSchulzForm::standard, NewtonSchulzForm::gram}) {
    cases.push_back(orthogonalized({{1, 1}}, form));
    cases.push_back(orthogonalized({{1, 9}, {9, 1}, {8, 9}, {10, 72}}, form));
    cases.push_back(orthogonalized({{33, 31}, {16, 144}, {65, 20}}, form));
  }
  check_agreement(cases);
}
