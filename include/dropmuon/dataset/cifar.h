// SPDX-License-Identifier: MIT
// The binary format of CIFAR-10: rows of one label and 32 x 32 pixels in three colour planes.
#pragma once

#include <dropmuon/dataset/data_file.h>
#include <dropmuon/dataset/dataset.h>

namespace dropmuon {

inline constexpr ImageShape kCifarImage{32, 32, 3};
inline constexpr std::size_t kCifarRowBytes = 1 + 32 * 32 * 3;

// Appends the images, as (H, W, C), and the labels of one file to `split`. Throws Error(bad_data)
// naming file and offset for a partial row, an empty file or a label above 9.
void append_cifar_rows(const DataFile& file, Split& split);

}  // namespace dropmuon
