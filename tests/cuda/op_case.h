// SPDX-License-Identifier: MIT
// One call, or a few, of a backend's operations with inputs that are the same on every device.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "catch.h"
#include "compare.h"
#include "devices.h"

namespace dropmuon {

using Outputs = std::vector<std::pair<std::string, std::vector<float>>>;

struct OpCase {
  std::string name;
  std::function<Outputs(Backend&)> run;
  // Of ||cuda - cpu|| / ||cpu||. Sums of up to some thousand fp32 products in another order differ
  // by a few 1e-7; integers and copies are asked for with 0.
  double tolerance = 1e-5;
};

template <typename T>
std::vector<float> as_floats(const Buffer<T>& buffer) {
  const std::vector<T> values = to_host(buffer);
  return {values.begin(), values.end()};
}

// Outputs start as NaN, so that what an operation leaves unwritten shows.
inline Buffer<float> unwritten(Backend& backend, std::size_t count) {
  return to_device(backend, std::vector<float>(count, NAN));
}

inline void check_agreement(const std::vector<OpCase>& cases) {
  const auto cpu = on_cpu();
  const auto cuda = on_cuda();
  for (const OpCase& c : cases) {
    const Outputs expected = c.run(*cpu);
    const Outputs found = c.run(*cuda);
    const Outputs again = c.run(*cuda);
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CAPTURE(c.name, expected[i].first);
      CHECK(relative_error(found[i].second, widen(expected[i].second)) <= c.tolerance);
      CHECK(same_bits(found[i].second, again[i].second));
    }
  }
}

}  // namespace dropmuon
