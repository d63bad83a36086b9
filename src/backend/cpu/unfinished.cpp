// SPDX-License-Identifier: MIT
// Temporary: bodies still to be written; each moves to its own file and disappears here.
#include <dropmuon/core/error.h>
#include "cpu_backend.h"
namespace dropmuon::cpu {
#define U DM_CHECK(false, "unfinished")
std::unique_ptr<Conv2d> CpuBackend::make_conv2d(const Conv2dShape&) { U; return nullptr; }
void CpuBackend::bias_relu_pool_forward(const BiasReluPoolForward&) { U; }
void CpuBackend::bias_relu_pool_backward(const BiasReluPoolBackward&) { U; }
void CpuBackend::average_pool_forward(const AveragePool&) { U; }
void CpuBackend::average_pool_backward(const AveragePool&) { U; }
void CpuBackend::add_bias(const AddBias&) { U; }
void CpuBackend::bias_gradient(const BiasGradient&) { U; }
void CpuBackend::softmax_cross_entropy(const SoftmaxCrossEntropy&) { U; }
double CpuBackend::measure_peak_flops() { U; return 0; }
}
