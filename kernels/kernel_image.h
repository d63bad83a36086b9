// SPDX-License-Identifier: MIT
// Whether this program was compiled for the GPU at hand.
#pragma once

#include <cuda_runtime_api.h>

namespace dropmuon::kernels {

// cudaSuccess if the current device can run the kernels of this program, else the reason.
cudaError_t find_kernel_image();

}  // namespace dropmuon::kernels
