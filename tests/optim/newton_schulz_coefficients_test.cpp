// SPDX-License-Identifier: MIT
#include <cmath>

#include "catch.h"
#include <dropmuon/core/error.h>
#include <dropmuon/optim/newton_schulz_coefficients.h>

using namespace dropmuon;

namespace {

NewtonSchulz jordan(int steps = 5) { return make_newton_schulz({.steps = steps}); }
NewtonSchulz you() { return make_newton_schulz({.coefficients = CoefficientSet::you}); }
NewtonSchulz polar_express(int steps, double safety) {
  return make_newton_schulz(
      {.steps = steps, .coefficients = CoefficientSet::polar_express, .safety = safety});
}

struct Range {
  double low = 1e9;
  double high = -1e9;
};

Range output_range(const NewtonSchulz& method, double smallest) {
  Range range;
  constexpr int kPoints = 200000;
  for (int i = 0; i <= kPoints; ++i) {
    const double y = apply_scalar(method, smallest + (1.0 - smallest) * i / kPoints);
    range.low = std::min(range.low, y);
    range.high = std::max(range.high, y);
  }
  return range;
}

}  // namespace

TEST_CASE("oracle 2: the composed polynomials at the published points", "[coefficients]") {
  CHECK(apply_scalar(jordan(1), 1.0) == Approx(0.7010).margin(1e-6));
  CHECK(apply_scalar(jordan(1), 0.5) == Approx(1.188859).margin(1e-6));
  CHECK(apply_scalar(jordan(1), 0.1) == Approx(0.339695).margin(1e-6));
  CHECK(apply_scalar(jordan(), 1.0) == Approx(0.69644).margin(1e-5));
  CHECK(apply_scalar(jordan(), 0.5) == Approx(0.76544).margin(1e-5));
  CHECK(apply_scalar(jordan(), 0.1) == Approx(0.71212).margin(1e-5));
  CHECK(apply_scalar(jordan(), 0.01) == Approx(0.69892).margin(1e-5));
  CHECK(apply_scalar(jordan(), 0.001) == Approx(0.47054).margin(1e-5));
  CHECK(apply_scalar(you(), 0.1) == Approx(1.01905).margin(1e-5));
  CHECK(apply_scalar(polar_express(5, 1.05), 0.1) == Approx(0.87872).margin(1e-5));
}

TEST_CASE("oracle 3: the bands of the composed polynomials (fp64)", "[coefficients]") {
  const Range five = output_range(jordan(), 0.01);
  CHECK(five.low >= 0.6818 - 5e-5);
  CHECK(five.high <= 1.1344 + 5e-5);
  CHECK(output_range(jordan(), 0.0).high <= 1.2025);
  CHECK(output_range(you(), 0.01).low >= 0.977);
  CHECK(output_range(you(), 0.01).high <= 1.032);
  CHECK(output_range(polar_express(5, 1.05), 0.002).low >= 0.846 - 5e-4);
  CHECK(output_range(polar_express(5, 1.05), 0.002).high <= 1.124 + 5e-4);
}

TEST_CASE("oracle 9: unscaled Polar Express blows up above 1, Jordan's steps do not",
          "[coefficients]") {
  const double wild = apply_scalar(polar_express(5, 1.0), 1.05);
  CHECK((!std::isfinite(wild) || std::abs(wild) > 1e6));
  CHECK(apply_scalar(jordan(), 1.05) == Approx(0.682).margin(5e-4));
}

TEST_CASE("the tables hold the published digits", "[coefficients]") {
  const auto check = [](const NewtonSchulz& method, const std::vector<Quintic>& published) {
    REQUIRE(method.steps.size() == published.size());
    for (std::size_t i = 0; i < published.size(); ++i) {
      CAPTURE(i);
      CHECK(method.steps[i].a == published[i].a);
      CHECK(method.steps[i].b == published[i].b);
      CHECK(method.steps[i].c == published[i].c);
    }
  };
  check(jordan(1), {{3.4445, -4.7750, 2.0315}});
  check(you(), {{4.0848, -6.8946, 2.9270},
                {3.9505, -6.3029, 2.6377},
                {3.7418, -5.5913, 2.3037},
                {2.8769, -3.1427, 1.2046},
                {2.8366, -3.0525, 1.2012}});
  check(polar_express(9, 1.0), {{8.28721201814563, -23.595886519098837, 17.300387312530933},
                                {4.107059111542203, -2.9478499167379106, 0.5448431082926601},
                                {3.9486908534822946, -2.908902115962949, 0.5518191394370137},
                                {3.3184196573706015, -2.488488024314874, 0.51004894012372},
                                {2.300652019954817, -1.6689039845747493, 0.4188073119525673},
                                {1.891301407787398, -1.2679958271945868, 0.37680408948524835},
                                {1.8750014808534479, -1.2500016453999487, 0.3750001645474248},
                                {1.875, -1.25, 0.375},
                                {1.875, -1.25, 0.375}});
}

TEST_CASE("tables repeat their last entry, and only Polar Express is scaled", "[coefficients]") {
  const NewtonSchulz longer = make_newton_schulz({.steps = 7, .coefficients = CoefficientSet::you});
  REQUIRE(longer.steps.size() == 7);
  CHECK(longer.steps[6].a == 2.8366);
  CHECK(make_newton_schulz({.safety = 1.5}).steps[0].a == 3.4445);
  const NewtonSchulz express = polar_express(12, 1.02);
  CHECK(express.steps[11].a == Approx(1.875 / 1.02));
  CHECK(express.steps[11].b == Approx(-1.25 / std::pow(1.02, 3)));
  CHECK(express.steps[11].c == Approx(0.375 / std::pow(1.02, 5)));
  CHECK(apply_scalar(polar_express(1, 1.02), 0.3) ==
        Approx(apply_scalar(polar_express(1, 1.0), 0.3 / 1.02)));
}

TEST_CASE("the Gram form starts afresh after two steps and then after every three",
          "[coefficients]") {
  CHECK(jordan(2).restarts.empty());
  CHECK(jordan(5).restarts == std::vector<int>{2});
  CHECK(jordan(12).restarts == std::vector<int>{2, 5, 8, 11});
}

TEST_CASE("steps and safety out of range name their keys", "[coefficients]") {
  CHECK_THROWS_WITH(jordan(0), Catch::Contains("optimizer.newton_schulz.steps"));
  CHECK_THROWS_WITH(jordan(31), Catch::Contains("optimizer.newton_schulz.steps"));
  CHECK_THROWS_WITH(polar_express(5, 0.99), Catch::Contains("optimizer.newton_schulz.safety"));
  CHECK_THROWS_AS(polar_express(5, NAN), Error);
  CHECK_NOTHROW(jordan(30));
}
