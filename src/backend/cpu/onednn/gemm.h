// SPDX-License-Identifier: MIT
// Single-precision matrix product by oneDNN, the only form the CPU backend calls it in.
#pragma once

#include <string>

#include <dropmuon/ops/network_args.h>

namespace dropmuon::cpu {

// c (m, n; leading dimension ldc) = alpha op(a) op(b) + beta c, all row-major.
struct Gemm {
  int m = 0;
  int n = 0;
  int k = 0;
  const float* a = nullptr;
  int lda = 0;
  const float* b = nullptr;
  int ldb = 0;
  float* c = nullptr;
  int ldc = 0;
  float alpha = 1.0F;
  float beta = 0.0F;
  Transpose transpose_a = Transpose::no;
  Transpose transpose_b = Transpose::no;
};

void gemm(const Gemm& args);

std::string onednn_version();

// fp32 is fp32, whatever DNNL_DEFAULT_FPMATH_MODE would let oneDNN do with it.
void compute_in_full_precision();

// The widest instruction set that oneDNN uses here: the processor's, or what DNNL_MAX_CPU_ISA
// allows.
std::string instruction_set();

}  // namespace dropmuon::cpu
