// SPDX-License-Identifier: MIT
// A batch of n images as a tensor.
#pragma once

#include <dropmuon/core/shape.h>

namespace dropmuon {

inline Shape batch_shape(int n, const Shape& image) {
  return image.rank() == 3 ? Shape{n, image[0], image[1], image[2]} : Shape{n, image[0]};
}

inline TensorView batch_view(float* data, int n, const Shape& image) {
  return {data, batch_shape(n, image)};
}

}  // namespace dropmuon
