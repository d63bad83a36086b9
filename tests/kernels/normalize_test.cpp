// SPDX-License-Identifier: MIT
#include "kernels/normalize.h"

#include "compare.h"
#include "device_array.h"

namespace dropmuon::kernels {
namespace {

struct Case {
  SimpleNorm norm;
  int rows, cols;
  std::size_t offset = 0;
};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const SimpleNorm norm :
       {SimpleNorm::max_abs, SimpleNorm::euclidean, SimpleNorm::column, SimpleNorm::row}) {
    for (const auto& [rows, cols] : std::vector<std::pair<int, int>>{
             {1, 1}, {1, 31}, {33, 1}, {10, 33}, {31, 10}, {257, 65}, {9, 1025}, {300, 32}}) {
      cases.push_back({norm, rows, cols, cases.size() % 3 == 1 ? std::size_t{1} : 0});
    }
  }
  return cases;
}

std::vector<double> reference(const Case& c, const std::vector<float>& in) {
  const auto cols = static_cast<std::size_t>(c.cols);
  const auto group = [&](std::size_t i) -> std::size_t {
    if (c.norm == SimpleNorm::row) return i / cols;
    return c.norm == SimpleNorm::column ? i % cols : 0;
  };
  std::vector<double> squares(std::max(c.rows, c.cols), 0.0);
  for (std::size_t i = 0; i < in.size(); ++i) squares[group(i)] += double{in[i]} * in[i];
  std::vector<double> out(in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    const double norm = std::sqrt(squares[group(i)]);
    out[i] = norm == 0.0 ? 0.0 : in[i] / norm;
    if (c.norm == SimpleNorm::max_abs) out[i] = in[i] == 0.0F ? 0.0 : (in[i] > 0.0F ? 1.0 : -1.0);
  }
  return out;
}

// A zero row and a zero column among the values.
std::vector<float> values_of(const Case& c, std::uint64_t seed) {
  std::vector<float> values = random_floats(static_cast<std::size_t>(c.rows) * c.cols, seed);
  const auto cols = static_cast<std::size_t>(c.cols);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (c.rows > 2 && i / cols == 1) values[i] = 0.0F;
    if (c.cols > 2 && i % cols == 2) values[i] = -0.0F;
  }
  return values;
}

void check(const std::vector<Case>& cases, std::size_t scratch_floats, bool in_place) {
  CAPTURE(cases.size(), scratch_floats, in_place);
  const TestScratch scratch(scratch_floats);
  std::vector<std::vector<float>> values;
  std::vector<DeviceArray<float>> in, out;
  std::vector<NormalizeItem> items;
  for (const Case& c : cases) {
    values.push_back(values_of(c, values.size()));
    in.emplace_back(values.back(), c.offset);
    out.emplace_back(values.back().size());
    items.push_back(
        {c.norm, {c.rows, c.cols, in.back().get(), in_place ? in.back().get() : out.back().get()}});
  }
  const cudaError_t launched = normalize(items, scratch.get(), test_stream());
  std::fill(items.begin(), items.end(), NormalizeItem{});  // the caller's again
  finish(launched);
  CHECK(scratch.clean());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    CAPTURE(i, static_cast<int>(cases[i].norm), cases[i].rows, cases[i].cols, cases[i].offset);
    const std::vector<float> found = in_place ? in[i].host() : out[i].host();
    CHECK(relative_error(found, reference(cases[i], values[i])) < 1e-7);
    if (!in_place) CHECK(same_bytes(in[i].host(), values[i]));
  }
}

}  // namespace

TEST_CASE("normalize agrees with the scalar loops for every norm") {
  check(all_cases(), 4096, false);
  check(all_cases(), 4096, true);
}

TEST_CASE("normalize takes longer lists than a launch and little scratch") {
  std::vector<Case> cases = all_cases();
  for (int i = 0; i < 150; ++i) {
    cases.push_back({static_cast<SimpleNorm>(i % 4), 1 + i % 7, 1 + i * 5 % 41});
  }
  check(cases, 4096, false);
  check(cases, 2, false);
  check(cases, 7, true);
}

TEST_CASE("normalize strides over tensors larger than its grid") {
  check({{SimpleNorm::max_abs, 801, 701}, {SimpleNorm::euclidean, 700, 801}}, 4096, false);
  check({{SimpleNorm::row, 6001, 3}, {SimpleNorm::column, 2, 20001}}, 0, false);
}

TEST_CASE("normalize of values whose squares leave the range of floats") {
  for (const float scale : {1e-30F, 1e30F, 1e-42F}) {
    for (const SimpleNorm norm : {SimpleNorm::euclidean, SimpleNorm::column, SimpleNorm::row}) {
      const TestScratch scratch(64);
      std::vector<float> values = random_floats(60, 3);
      for (float& v : values) v *= scale;
      const DeviceArray<float> in(values), out(60);
      const NormalizeItem item{norm, {6, 10, in.get(), out.get()}};
      finish(normalize({&item, 1}, scratch.get(), test_stream()));
      CHECK(relative_error(out.host(), reference({norm, 6, 10}, values)) < 1e-7);
    }
  }
}

TEST_CASE("normalize has the same bits in every run") {
  const Case c{SimpleNorm::euclidean, 600, 503};
  const DeviceArray<float> in(values_of(c, 9)), first(in.size()), second(in.size());
  const TestScratch scratch(1056);
  for (const auto* out : {&first, &second}) {
    const NormalizeItem item{c.norm, {c.rows, c.cols, in.get(), out->get()}};
    finish(normalize({&item, 1}, scratch.get(), test_stream()));
  }
  CHECK(same_bytes(first.host(), second.host()));
}

TEST_CASE("normalize refuses bad items and too little scratch") {
  const TestScratch scratch(1);
  const DeviceArray<float> a(std::vector<float>(4, 2.0F)), b(4);
  NormalizeItem item{SimpleNorm::euclidean, {2, 2, a.get(), b.get()}};
  CHECK(normalize({&item, 1}, scratch.get(), test_stream()) == cudaErrorInvalidValue);
  CHECK(normalize({}, scratch.get(), test_stream()) == cudaSuccess);
  item.norm = SimpleNorm::row;
  item.matrix.rows = 0;
  CHECK(normalize({&item, 1}, scratch.get(), test_stream()) == cudaErrorInvalidValue);
  item = {SimpleNorm::row, {2, -2, a.get(), b.get()}};
  CHECK(normalize({&item, 1}, scratch.get(), test_stream()) == cudaErrorInvalidValue);
}

}  // namespace dropmuon::kernels
