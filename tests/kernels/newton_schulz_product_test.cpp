// SPDX-License-Identifier: MIT
// Grouped products against the definition in double precision.
#include <cmath>
#include <deque>

#include "kernels/newton_schulz/grouped_product.h"
#include "newton_schulz_oracle.h"

using namespace dropmuon;
using namespace dropmuon::kernels;

namespace {

using Dims = ProductCase::Shape;

// fp32 sums of rounded operands, whatever their type.
constexpr double kTolerance = 2e-6;

void run(std::deque<ProductCase>& cases, Operand operand, const SplitScratch& scratch) {
  std::vector<Product> products;
  for (const ProductCase& c : cases) products.push_back(c.product);
  finish(grouped_product(products.data(), static_cast<int>(products.size()), operand, scratch.get(),
                         test_stream()));
  CHECK(scratch.clean());
}

}  // namespace

TEST_CASE("grouped product: every view of every ragged size, several in a launch",
          "[newton_schulz]") {
  const std::vector<int> sizes = {1, 9, 10, 27, 31, 33, 63, 64, 65, 127, 128, 129, 257};
  const auto count = sizes.size();
  for (const Operand operand : {Operand::fp32, Operand::fp16, Operand::bf16}) {
    const SplitScratch scratch;
    std::deque<ProductCase> cases;
    for (std::size_t i = 0; i < count; ++i) {
      const int rows = sizes[i];
      const int cols = sizes[(i * 5 + 3) % count];
      const int depth = sizes[(i * 7 + 2) % count];
      const auto seed = static_cast<unsigned>(10 * i);
      cases.emplace_back(Dims{rows, cols, depth, i % 2 == 0, i % 4 < 2, false}, seed);
      cases.emplace_back(Dims{cols, depth, rows, i % 4 < 2, i % 3 == 0, false}, seed + 5, -1.5F,
                         0.75F);
    }
    run(cases, operand, scratch);
    for (const ProductCase& c : cases) {
      CAPTURE(static_cast<int>(operand), c.product.rows, c.product.cols, c.product.depth);
      CHECK(c.error(operand) < kTolerance);
    }
  }
}

TEST_CASE("oracle 11: symmetric products equal their transpose bit for bit, and the full product",
          "[newton_schulz]") {
  for (const Operand operand : {Operand::fp32, Operand::fp16, Operand::bf16}) {
    const SplitScratch scratch;
    std::deque<ProductCase> cases;
    for (const int n : {1, 9, 10, 27, 64, 127, 128, 257}) {
      for (const float alpha : {1.0F, 400.0F}) {
        const auto seed = static_cast<unsigned>(n);
        cases.emplace_back(Dims{n, n, n + 11, true, true, true}, seed, alpha, -0.5F, true);
        cases.emplace_back(Dims{n, n, 40, false, false, true}, seed, alpha, 0.0F, true);
      }
    }
    run(cases, operand, scratch);
    for (const ProductCase& c : cases) {
      CAPTURE(static_cast<int>(operand), c.product.rows, c.product.alpha);
      CHECK(c.error(operand) < kTolerance);
      const MatrixF result = c.result();
      CHECK(same(result, result.transpose()));
      // The second output differs by the multiple of the identity only.
      const auto n = result.rows();
      CHECK(same(c.shifted_result(), result + 2.5F * MatrixF::Identity(n, n)));
    }
  }
}

TEST_CASE("grouped product: a long sum is split, and the same whoever finishes last",
          "[newton_schulz]") {
  for (const Operand operand : {Operand::fp32, Operand::fp16, Operand::bf16}) {
    const SplitScratch scratch;
    std::deque<ProductCase> cases;
    cases.emplace_back(Dims{10, 10, 2304, true, true, true}, 1);
    cases.emplace_back(Dims{64, 64, 1500, true, true, true}, 2, 1.0F, 0.5F, true);
    cases.emplace_back(Dims{33, 20, 1030, false, false, false}, 3);
    cases.emplace_back(Dims{260, 257, 530, true, false, false}, 4);
    for (const ProductCase& c : cases) CHECK(cut_of(c.product).splits > 1);
    run(cases, operand, scratch);
    std::vector<MatrixF> first;
    for (const ProductCase& c : cases) {
      CHECK(c.error(operand) < kTolerance);
      first.push_back(c.result());
    }
    CHECK(same(first[0], first[0].transpose()));
    CHECK(same(first[1], first[1].transpose()));
    run(cases, operand, scratch);
    for (std::size_t i = 0; i < cases.size(); ++i) CHECK(same(cases[i].result(), first[i]));
  }
}

TEST_CASE("grouped product: the factors are scaled before they are rounded", "[newton_schulz]") {
  for (const Operand operand : {Operand::fp32, Operand::fp16, Operand::bf16}) {
    for (const float scale : {1e-9F, 3e7F}) {
      const SplitScratch scratch;
      std::deque<ProductCase> cases;
      cases.emplace_back(Dims{20, 30, 40, true, false, false}, 5, 1.0F, 1.5F, false, scale);
      run(cases, Operand::fp32, scratch);
      CHECK(cases[0].error(Operand::fp32) < kTolerance);
    }
    // 1e6 times a number is beyond fp16; the scale brings it back.
    const SplitScratch scratch;
    ProductCase c(Dims{40, 40, 70, true, true, true}, 6, 1.0F, 0.0F, false, 0.25F);
    finish(grouped_product(&c.product, 1, operand, scratch.get(), test_stream()));
    CHECK(c.error(operand) < kTolerance);
  }
}

TEST_CASE("grouped product: a result does not depend on its company", "[newton_schulz]") {
  const SplitScratch scratch;
  std::deque<ProductCase> cases;
  for (unsigned i = 0; i < 70; ++i) {  // three launches
    const int n = 1 + static_cast<int>(i);
    cases.emplace_back(Dims{n, n, n + 400, i % 2 == 0, i % 2 == 0, true}, i);
  }
  std::vector<Product> products;
  for (const ProductCase& c : cases) products.push_back(c.product);
  CHECK(grouped_product_launches(products.data(), 70, scratch.get()) == 3);
  run(cases, Operand::fp32, scratch);
  for (const unsigned i : {0U, 29U, 30U, 64U, 69U}) {
    CHECK(cases[i].error(Operand::fp32) < kTolerance);
    const MatrixF together = cases[i].result();
    finish(grouped_product(&products[i], 1, Operand::fp32, scratch.get(), test_stream()));
    CHECK(same(cases[i].result(), together));
  }
}

TEST_CASE("grouped product: little scratch costs launches, too little is refused",
          "[newton_schulz]") {
  std::deque<ProductCase> cases;
  for (unsigned i = 0; i < 3; ++i) {
    cases.emplace_back(Dims{10, 10, 2304, true, true, true}, i);
  }
  std::vector<Product> products;
  for (const ProductCase& c : cases) products.push_back(c.product);
  const auto floats = static_cast<std::size_t>(cut_of(products[0]).splits) * 256;
  const SplitScratch one(floats, 3);
  const SplitScratch two(2 * floats, 3);
  const SplitScratch counter(3 * floats, 1);
  const SplitScratch none(floats - 1, 3);
  CHECK(grouped_product_launches(products.data(), 3, one.get()) == 3);
  CHECK(grouped_product_launches(products.data(), 3, two.get()) == 2);
  CHECK(grouped_product_launches(products.data(), 3, counter.get()) == 3);
  CHECK(grouped_product_launches(products.data(), 3, none.get()) == -1);
  run(cases, Operand::fp32, two);
  run(cases, Operand::fp32, counter);
  for (const ProductCase& c : cases) CHECK(c.error(Operand::fp32) < kTolerance);
  CHECK(grouped_product(products.data(), 3, Operand::fp32, none.get(), test_stream()) ==
        cudaErrorInvalidValue);
}

TEST_CASE("grouped product: empty products are refused, an empty list is nothing",
          "[newton_schulz]") {
  const SplitScratch scratch;
  const ProductCase c(Dims{5, 6, 7, true, true, false}, 1);
  for (int Product::*size : {&Product::rows, &Product::cols, &Product::depth}) {
    for (const int value : {0, -1}) {
      Product bad = c.product;
      bad.*size = value;
      CHECK(grouped_product(&bad, 1, Operand::fp32, scratch.get(), test_stream()) ==
            cudaErrorInvalidValue);
    }
  }
  CHECK(grouped_product(&c.product, -1, Operand::fp32, scratch.get(), test_stream()) ==
        cudaErrorInvalidValue);
  CHECK(grouped_product(nullptr, 0, Operand::fp32, scratch.get(), test_stream()) == cudaSuccess);
  CHECK(grouped_product_launches(nullptr, 0, scratch.get()) == 0);
}
