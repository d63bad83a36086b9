// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include <dropmuon/core/error.h>
#include <dropmuon/optim/newton_schulz_coefficients.h>

namespace dropmuon {
namespace {

constexpr std::array kJordan = {Quintic{3.4445, -4.7750, 2.0315}};

constexpr std::array kYou = {
    Quintic{4.0848, -6.8946, 2.9270}, Quintic{3.9505, -6.3029, 2.6377},
    Quintic{3.7418, -5.5913, 2.3037}, Quintic{2.8769, -3.1427, 1.2046},
    Quintic{2.8366, -3.0525, 1.2012},
};

constexpr std::array kPolarExpress = {
    Quintic{8.28721201814563, -23.595886519098837, 17.300387312530933},
    Quintic{4.107059111542203, -2.9478499167379106, 0.5448431082926601},
    Quintic{3.9486908534822946, -2.908902115962949, 0.5518191394370137},
    Quintic{3.3184196573706015, -2.488488024314874, 0.51004894012372},
    Quintic{2.300652019954817, -1.6689039845747493, 0.4188073119525673},
    Quintic{1.891301407787398, -1.2679958271945868, 0.37680408948524835},
    Quintic{1.8750014808534479, -1.2500016453999487, 0.3750001645474248},
    Quintic{1.875, -1.25, 0.375},
};

std::span<const Quintic> table(CoefficientSet set) {
  switch (set) {
    case CoefficientSet::jordan:
      return kJordan;
    case CoefficientSet::you:
      return kYou;
    case CoefficientSet::polar_express:
      return kPolarExpress;
  }
  return {};
}

constexpr int kMaxSteps = 30;

}  // namespace

NewtonSchulz make_newton_schulz(const NewtonSchulzOptions& options) {
  if (options.steps < 1 || options.steps > kMaxSteps) {
    fail(ExitCode::bad_config, "optimizer.newton_schulz.steps must be 1 to {}, not {}", kMaxSteps,
         options.steps);
  }
  // Below 1 a singular value of 1 leaves the interval on which the polynomials were fitted.
  if (!(options.safety >= 1.0 && options.safety <= 2.0)) {
    fail(ExitCode::bad_config, "optimizer.newton_schulz.safety must be 1 to 2, not {}",
         options.safety);
  }
  const std::span<const Quintic> known = table(options.coefficients);
  const double s = options.coefficients == CoefficientSet::polar_express ? options.safety : 1.0;
  NewtonSchulz method;
  method.form = options.form;
  for (int t = 0; t < options.steps; ++t) {
    const Quintic q = known[std::min(static_cast<std::size_t>(t), known.size() - 1)];
    method.steps.push_back({q.a / s, q.b / std::pow(s, 3), q.c / std::pow(s, 5)});
  }
  // Rounding errors of X X^T grow by the square of the slope at 0 in every step; two steps, then
  // three at a time keep them small for any number of steps.
  method.restarts.clear();
  for (int t = 2; t < options.steps; t += 3) method.restarts.push_back(t);
  return method;
}

double apply_scalar(const NewtonSchulz& method, double x) {
  for (const Quintic& q : method.steps) {
    const double r = x * x;
    x *= q.a + r * (q.b + r * q.c);
  }
  return x;
}

}  // namespace dropmuon
