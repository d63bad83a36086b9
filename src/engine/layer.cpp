// SPDX-License-Identifier: MIT
#include <dropmuon/core/error.h>
#include <dropmuon/engine/layer.h>

namespace dropmuon {
namespace {

// The batch size of a tensor whose other axes must equal `image`.
int batch_of(const Shape& tensor, const Shape& image, const char* what) {
  bool fits = tensor.rank() == image.rank() + 1;
  for (int i = 0; fits && i < image.rank(); ++i) fits = tensor[i + 1] == image[i];
  DM_CHECK(fits, "{} is {}, expected a batch of {}", what, tensor.text(), image.text());
  return tensor[0];
}

}  // namespace

void Layer::forward(Pass pass, ConstTensorView x, TensorView y) {
  const int n = batch_of(x.shape, input_shape(), "x");
  DM_CHECK(batch_of(y.shape, output_shape(), "y") == n, "x and y differ in batch size");
  forward_impl(pass, n, x.data, y.data);
}

void Layer::backward(ConstTensorView x, TensorView dy, std::optional<TensorView> dx,
                     std::optional<GradMode> param_grads) {
  const int n = batch_of(x.shape, input_shape(), "x");
  DM_CHECK(batch_of(dy.shape, output_shape(), "dy") == n, "x and dy differ in batch size");
  DM_CHECK(!dx || dx->shape == x.shape, "dx is not shaped like x");
  backward_impl(n, x.data, dy.data, dx ? dx->data : nullptr, param_grads);
}

}  // namespace dropmuon
