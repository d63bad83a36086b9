// SPDX-License-Identifier: MIT
// A data set that needs no files, for tests, examples and a first try.
#pragma once

#include <dropmuon/dataset/dataset.h>

namespace dropmuon {

inline constexpr ImageShape kSyntheticImage{28, 28, 1};
inline constexpr int kSyntheticTrain = 4096;
inline constexpr int kSyntheticTest = 1024;

enum class SyntheticPart { train, test };

// The first `count` images of a part: ten classes, each a smooth random pattern that is shifted,
// mixed with some of another class's pattern and covered with noise. Image i has class i mod 10.
// Computed in integers: the same bytes on every machine.
Split make_synthetic(SyntheticPart part, int count);

}  // namespace dropmuon
