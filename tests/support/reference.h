// SPDX-License-Identifier: MIT
// Scalar double-precision twins of the network operations: slow, obvious, and the judge of the fast
// ones. Layouts as in ops/network_args.h.
#pragma once

#include <cstdint>
#include <vector>

#include <dropmuon/backend/conv2d.h>
#include <dropmuon/ops/network_args.h>

namespace dropmuon::reference {

using Values = std::vector<double>;

Values conv2d(const Conv2dShape& shape, int n, const Values& x, const Values& w);
Values conv2d_input_gradient(const Conv2dShape& shape, int n, const Values& dy, const Values& w);
Values conv2d_filter_gradient(const Conv2dShape& shape, int n, const Values& x, const Values& dy);

struct Pooled {
  Values out;
  std::vector<std::uint8_t> winner;
};
Pooled bias_relu_pool(const ImageShape& conv, int pool, int n, const Values& x, const Values& bias);
struct PoolGradients {
  Values dconv;
  Values dbias;
};
PoolGradients bias_relu_pool_gradient(const ImageShape& conv, int pool, int n, const Values& dout,
                                      const std::vector<std::uint8_t>& winner);

Values average_pool(const ImageShape& image, int n, const Values& x);
Values average_pool_gradient(const ImageShape& image, int n, const Values& dpooled);

// a (m, k) times b (k, n)
Values matmul(int m, int n, int k, const Values& a, const Values& b);
Values transpose(int rows, int cols, const Values& a);

struct Loss {
  double sum = 0.0;
  int correct = 0;
  Values dlogits;  // of the mean over n
};
Loss softmax_cross_entropy(int n, int classes, const Values& logits,
                           const std::vector<std::uint8_t>& labels);

}  // namespace dropmuon::reference
