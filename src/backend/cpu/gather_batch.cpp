// SPDX-License-Identifier: MIT
#include <cstring>

#include "cpu_backend.h"
#include <dropmuon/core/error.h>

namespace dropmuon::cpu {
namespace {

struct Row {
  const std::uint8_t* source;  // the image's row, or null: outside the image
  int left;
  bool flip;
};

void gather_row(const GatherBatch& args, const Row& row, float* x) {
  const int width = args.image.width;
  const int channels = args.image.channels;
  for (int j = 0; j < width; ++j) {
    const int column = row.left + (row.flip ? width - 1 - j : j);
    const bool inside = row.source != nullptr && column >= 0 && column < width;
    for (int c = 0; c < channels; ++c) {
      const float pixel = inside ? static_cast<float>(row.source[column * channels + c]) : 0.0F;
      x[j * channels + c] = (pixel * (1.0F / 255.0F) - args.mean[c]) * args.inverse_std[c];
    }
  }
}

}  // namespace

void CpuBackend::gather_batch(const GatherBatch& args) {
  DM_CHECK(args.n > 0 && args.image.size() > 0, "gather_batch of nothing");
  const std::size_t row_size = static_cast<std::size_t>(args.image.width) * args.image.channels;
#pragma omp parallel for schedule(static) num_threads(threads_)
  for (int i = 0; i < args.n; ++i) {
    const auto source = static_cast<std::size_t>(args.indices[i]);
    const Augmentation move = args.augmentation != nullptr ? args.augmentation[i] : Augmentation{};
    const std::uint8_t* image = args.images + source * args.image.size();
    float* x = args.x + static_cast<std::size_t>(i) * args.image.size();
    for (int r = 0; r < args.image.height; ++r) {
      const int from = r + move.top;
      const bool inside = from >= 0 && from < args.image.height;
      const Row row{inside ? image + static_cast<std::size_t>(from) * row_size : nullptr, move.left,
                    move.flip != 0};
      gather_row(args, row, x + static_cast<std::size_t>(r) * row_size);
    }
    args.y[i] = args.labels[source];
  }
}

}  // namespace dropmuon::cpu
