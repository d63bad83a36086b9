// SPDX-License-Identifier: MIT
// Counter-based random numbers: every draw is a pure function of (seed, purpose, step, index), so
// results do not depend on the backend, the number of threads or where a run was cut and resumed.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

namespace dropmuon {

// What a stream of random numbers is for. The values are part of the reproducibility contract.
enum class Purpose : std::uint32_t {
  initialise = 1,
  shuffle = 2,
  augment = 3,
  sample_layers = 4,
  synthetic_data = 5,
  evaluate = 6,
};

// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

// A sequence of draws for one (seed, purpose, step, index). A UniformRandomBitGenerator, but use
// the members below: the standard distributions differ between libraries.
class Random {
 public:
  using result_type = std::uint32_t;
  Random(std::uint64_t seed, Purpose purpose, std::uint64_t step, std::uint32_t index = 0);

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }
  result_type operator()();

  double uniform();                          // [0, 1), 53 bits
  double normal();                           // mean 0, variance 1 (Box-Muller)
  std::uint32_t below(std::uint32_t bound);  // 0..bound-1 without bias; bound > 0

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace dropmuon
