// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

#include "max_items.h"
#include "scratch.h"

namespace dropmuon::kernels {

// The direction argmax {<in, D> : ||D|| <= 1} of norms that need no iteration. A zero input (or a
// zero column, zero row) gives zero.
enum class SimpleNorm {
  max_abs,    // D = sign(in)
  euclidean,  // D = in / ||in||_2 over all elements
  column,     // each column divided by its 2-norm
  row,        // each row divided by its 2-norm
};

struct NormalizeItem {
  SimpleNorm norm;
  int rows, cols;
  const float* in;  // (rows, cols)
  float* out;       // as in; may be in itself
};

// Per kMaxItems items one launch, two if any of them is euclidean; no item, no launch. The items
// are host memory and free again on return. Euclidean items need 2 floats of scratch each (up to
// 1056 in all are of use; with fewer there are more launches) and no counter.
// cudaErrorInvalidValue: not even 2 floats for a euclidean item, a negative count, or a size below
// 1.
cudaError_t normalize(const NormalizeItem* items, int count, const Scratch& scratch,
                      cudaStream_t stream);

}  // namespace dropmuon::kernels
