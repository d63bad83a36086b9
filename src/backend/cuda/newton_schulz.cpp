// SPDX-License-Identifier: MIT
#include "newton_schulz.h"

#include <algorithm>

#include "check.h"
#include "kernels/newton_schulz/grouped_product.h"
#include "newton_schulz_blas.h"
#include <dropmuon/backend/newton_schulz_form.h>
#include <dropmuon/core/error.h>

namespace dropmuon::cuda {
namespace {

using kernels::Iterand;
using kernels::Iteration;
using kernels::Polynomials;
using kernels::Product;
using kernels::Scratch;

// One block takes a small matrix through the whole iteration in about a thousand cycles per tile
// and slice; beyond this many elements that is estimated to take longer than the launches it saves.
constexpr std::size_t kLargestFusedSize = 64 * 144;
constexpr std::size_t kAlign = 64;  // floats

std::size_t aligned(std::size_t count) { return (count + kAlign - 1) / kAlign * kAlign; }

std::size_t size_of(const DirectionItem& item) {
  return static_cast<std::size_t>(item.rows) * static_cast<std::size_t>(item.cols);
}

std::size_t size_of(const Iterand& item) {
  return static_cast<std::size_t>(item.rows) * static_cast<std::size_t>(item.cols);
}

std::size_t square_size(const DirectionItem& item) {
  const auto n = static_cast<std::size_t>(short_side(item));
  return aligned(n * n);
}

std::size_t workspace_floats(std::span<const DirectionItem> items) {
  std::size_t sum = aligned(items.size());
  for (const DirectionItem& item : items) {
    sum += aligned(size_of(item)) + Iterand::kSquares * square_size(item);
  }
  return sum;
}

bool is_large(const DirectionItem& item) {
  return short_side(item) > Orthogonalizer::kLargestGroupedSide;
}

bool fits_fused(const DirectionItem& item) {
  return short_side(item) <= kernels::kLargestFusedSide && size_of(item) <= kLargestFusedSize;
}

void check_items(std::span<const DirectionItem> items, const NewtonSchulz& method) {
  DM_CHECK(!method.steps.empty(), "Newton-Schulz without steps");
  DM_CHECK(method.steps.size() <= Polynomials::kMaxSteps, "Newton-Schulz with too many steps");
  for (const DirectionItem& item : items) {
    DM_CHECK(item.rows > 0 && item.cols > 0, "Newton-Schulz of an empty matrix");
  }
}

Polynomials polynomials(const NewtonSchulz& method) {
  Polynomials result{};
  result.steps = static_cast<int>(method.steps.size());
  for (std::size_t i = 0; i < method.steps.size(); ++i) {
    result.a[i] = static_cast<float>(method.steps[i].a);
    result.b[i] = static_cast<float>(method.steps[i].b);
    result.c[i] = static_cast<float>(method.steps[i].c);
  }
  for (int step = 0; step < result.steps; ++step) {
    if (restarts_before(method, step)) result.restarts |= 1U << step;
  }
  return result;
}

// What is done how, and where: the places of all matrices in one workspace. A null workspace gives
// null places, for planning.
void divide(std::span<const DirectionItem> items, const NewtonSchulz& method, float* workspace,
            NewtonSchulzLists& lists) {
  // A fused launch beside staged ones would only make them wait.
  const bool fused = std::ranges::all_of(
      items, [](const DirectionItem& item) { return is_large(item) || fits_fused(item); });
  lists.fused.clear();
  lists.staged.clear();
  lists.large.clear();
  std::size_t used = aligned(items.size());
  const auto take = [&](std::size_t count) -> float* {
    float* const place = workspace == nullptr ? nullptr : workspace + used;
    used += aligned(count);
    return place;
  };
  for (std::size_t i = 0; i < items.size(); ++i) {
    const DirectionItem& item = items[i];
    Iterand iterand = {.in = item.in,
                       .scale = workspace == nullptr ? nullptr : workspace + i,
                       .out = item.out,
                       .spare = take(size_of(item)),
                       .squares = {},
                       .rows = item.rows,
                       .cols = item.cols,
                       .gram = chosen_form(item, method) == NewtonSchulzForm::gram};
    for (float*& square : iterand.squares) square = take(square_size(item));
    if (is_large(item)) {
      lists.large.push_back(iterand);
    } else if (fused) {
      lists.fused.push_back(
          {iterand.in, iterand.out, iterand.spare, iterand.rows, iterand.cols, iterand.gram});
    } else {
      lists.staged.push_back(iterand);
    }
  }
}

// Calls launch(products) for each stage of all matrices together.
template <typename Launch>
void for_each_stage(const std::vector<Iterand>& iterands, const Polynomials& method,
                    NewtonSchulzLists& lists, const Launch& launch) {
  lists.iterations.clear();
  for (const Iterand& iterand : iterands) {
    lists.iterations.emplace_back().start(iterand, method);
  }
  for (;;) {
    lists.products.clear();
    for (Iteration& iteration : lists.iterations) {
      for (Product product; iteration.next(product);) {
        lists.products.push_back(product);
        if (iteration.ends_stage()) break;
      }
    }
    if (lists.products.empty()) return;
    launch(lists.products);
  }
}

// A cuBLAS call, a copy of d, and a copy with the identity added.
int product_calls(const Product& product) {
  return 1 + static_cast<int>(product.beta != 0.0F) + static_cast<int>(product.shift != 0.0F);
}

void run_large(Iterand item, const Polynomials& method, Operand operand, cublasHandle_t blas,
               cudaStream_t stream) {
  // The normalized matrix starts where the first product does not write.
  float* const start = Iteration::passes(item.gram, method) % 2 == 0 ? item.out : item.spare;
  const std::size_t size = size_of(item);
  DM_CUDA(kernels::scaled_copy(item.in, item.scale, 0.0F, size, start, size, stream));
  item.in = start;
  Iteration iteration;
  iteration.start(item, method);
  for (Product product; iteration.next(product);) {
    multiply_by_blas(blas, product, operand, stream);
  }
}

void compute_scales(NewtonSchulzLists& lists, const Scratch& scratch, cudaStream_t stream) {
  lists.norms.clear();
  for (const auto* iterands : {&lists.staged, &lists.large}) {
    for (const Iterand& item : *iterands) {
      lists.norms.push_back({item.in, size_of(item), item.scale});
    }
  }
  DM_CUDA(kernels::frobenius_scales(lists.norms.data(), static_cast<int>(lists.norms.size()),
                                    scratch, stream));
}

}  // namespace

void NewtonSchulzLists::reserve(std::size_t matrices) {
  constexpr std::size_t kMostProducts = 2;  // of one matrix in a stage: T does not wait for Q
  fused.reserve(matrices);
  staged.reserve(matrices);
  large.reserve(matrices);
  norms.reserve(matrices);
  iterations.reserve(matrices);
  products.reserve(kMostProducts * matrices);
}

std::size_t Orthogonalizer::workspace_bytes(std::span<const DirectionItem> items,
                                            const NewtonSchulz& method) const {
  check_items(items, method);
  return sizeof(float) * workspace_floats(items);
}

LaunchPlan Orthogonalizer::plan(std::span<const DirectionItem> items, const NewtonSchulz& method,
                                const Scratch& scratch) const {
  check_items(items, method);
  NewtonSchulzLists lists;
  divide(items, method, nullptr, lists);
  const Polynomials steps = polynomials(method);
  LaunchPlan plan;
  const auto ceil_div = [](std::size_t count, int group) {
    return static_cast<int>((count + static_cast<std::size_t>(group) - 1) / group);
  };
  plan.fused = ceil_div(lists.fused.size(), kernels::kFusedItemsPerLaunch);
  plan.norms = kernels::frobenius_scale_launches(
      static_cast<int>(lists.staged.size() + lists.large.size()), scratch);
  DM_CHECK(plan.norms >= 0, "too little scratch for norms");
  for_each_stage(lists.staged, steps, lists, [&](const std::vector<Product>& products) {
    const int launches = kernels::grouped_product_launches(
        products.data(), static_cast<int>(products.size()), scratch);
    DM_CHECK(launches >= 0, "too little scratch for a matrix product");
    plan.products += launches;
  });
  plan.large = static_cast<int>(lists.large.size());  // copies into the working place
  for_each_stage(lists.large, steps, lists, [&](const std::vector<Product>& products) {
    for (const Product& product : products) plan.large += product_calls(product);
  });
  return plan;
}

void Orthogonalizer::run(std::span<const DirectionItem> items, const NewtonSchulz& method,
                         Operand operand, void* workspace, std::size_t workspace_bytes,
                         const Scratch& scratch, cublasHandle_t blas, cudaStream_t stream) {
  check_items(items, method);
  DM_CHECK(workspace_bytes >= this->workspace_bytes(items, method),
           "prepare_orthogonalize() was not called for these shapes");
  for (const DirectionItem& item : items) {
    DM_CHECK(item.in != item.out, "Newton-Schulz in place");
  }
  auto* const memory = static_cast<float*>(workspace);
  divide(items, method, memory, lists_);
  const Polynomials steps = polynomials(method);
  DM_CUDA(kernels::fused_iteration(lists_.fused.data(), static_cast<int>(lists_.fused.size()),
                                   steps, operand, stream));
  compute_scales(lists_, scratch, stream);
  for_each_stage(lists_.staged, steps, lists_, [&](const std::vector<Product>& products) {
    DM_CUDA(kernels::grouped_product(products.data(), static_cast<int>(products.size()), operand,
                                     scratch, stream));
  });
  for (const Iterand& item : lists_.large) run_large(item, steps, operand, blas, stream);
}

}  // namespace dropmuon::cuda
