// SPDX-License-Identifier: MIT
// Newton-Schulz orthogonalization of many matrices at once: every stage of the iteration is one
// launch for all of them, and matrices that are all small need a single launch.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <cublas_v2.h>
#include <cuda_runtime_api.h>

#include "kernels/newton_schulz/frobenius_scale.h"
#include "kernels/newton_schulz/fused_iteration.h"
#include "kernels/newton_schulz/iteration.h"
#include "kernels/newton_schulz/operand.h"
#include "kernels/scratch.h"
#include <dropmuon/backend/newton_schulz.h>
#include <dropmuon/ops/optimizer_args.h>

namespace dropmuon::cuda {

using kernels::Operand;

// What a run consists of. It depends on the shapes and the method alone.
struct LaunchPlan {
  int norms = 0;     // launches that compute norms
  int products = 0;  // launches of grouped products
  int fused = 0;     // launches that treat whole matrices
  int large = 0;     // cuBLAS calls and copies for matrices above kLargestGroupedSide
  int total() const { return norms + products + fused + large; }
};

// What a run hands to the kernels, kept from run to run so that none allocates.
struct NewtonSchulzLists {
  std::vector<kernels::FusedItem> fused;  // each matrix is in one of these three
  std::vector<kernels::Iterand> staged;
  std::vector<kernels::Iterand> large;
  std::vector<kernels::FrobeniusItem> norms;
  std::vector<kernels::Iteration> iterations;
  std::vector<kernels::Product> products;  // of one stage
  void reserve(std::size_t matrices);
};

// The bits of a matrix's direction depend on its input, the method and the operand type, not on
// the other matrices of the call.
class Orthogonalizer {
 public:
  // Matrices above this short side go through cuBLAS, one after the other.
  static constexpr int kLargestGroupedSide = 512;

  // Enough for any subset of the items.
  std::size_t workspace_bytes(std::span<const DirectionItem> items,
                              const NewtonSchulz& method) const;

  // Launches by kind for these items, given that much scratch.
  LaunchPlan plan(std::span<const DirectionItem> items, const NewtonSchulz& method,
                  const kernels::Scratch& scratch) const;
  int launches(std::span<const DirectionItem> items, const NewtonSchulz& method,
               const kernels::Scratch& scratch) const {
    return plan(items, method, scratch).total();
  }

  // Room for runs of up to so many matrices.
  void reserve(std::size_t matrices) { lists_.reserve(matrices); }

  // Everything goes on `stream`, nothing is allocated on the device, nor on the host beyond what
  // reserve() took, and nothing waited for, so a run can be captured into a graph. `in` and `out`
  // of an item are different memory. `workspace` is aligned to 256 bytes. `blas`, needed for large
  // matrices only, works on `stream`. Throws Error for empty matrices, a method without steps or
  // with more than 32, too little workspace or scratch, and failing launches.
  void run(std::span<const DirectionItem> items, const NewtonSchulz& method, Operand operand,
           void* workspace, std::size_t workspace_bytes, const kernels::Scratch& scratch,
           cublasHandle_t blas, cudaStream_t stream);

 private:
  NewtonSchulzLists lists_;
};

}  // namespace dropmuon::cuda
