// SPDX-License-Identifier: MIT
#include <dnnl.h>

#include "../cpu_backend.h"
#include "gemm.h"
#include <dropmuon/core/error.h>

namespace dropmuon::cpu {

void gemm(const Gemm& g) {
  const auto letter = [](Transpose t) { return t == Transpose::yes ? 'T' : 'N'; };
  const dnnl_status_t status = dnnl_sgemm(letter(g.transpose_a), letter(g.transpose_b), g.m, g.n,
                                          g.k, g.alpha, g.a, g.lda, g.b, g.ldb, g.beta, g.c, g.ldc);
  DM_CHECK(status == dnnl_success, "dnnl_sgemm {}x{}x{} returned {}", g.m, g.n, g.k,
           static_cast<int>(status));
}

std::string onednn_version() {
  const dnnl_version_t* version = dnnl_version();
  return fmt::format("{}.{}.{}", version->major, version->minor, version->patch);
}

void compute_in_full_precision() { dnnl_set_default_fpmath_mode(dnnl_fpmath_mode_strict); }

std::string instruction_set() {
  const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
  switch (isa) {
    case dnnl_cpu_isa_all:  // no limit: not an answer of this function
      return "all";
    case dnnl_cpu_isa_sse41:
      return "SSE4.1";
    case dnnl_cpu_isa_avx:
      return "AVX";
    case dnnl_cpu_isa_avx2:
      return "AVX2";
    case dnnl_cpu_isa_avx2_vnni:
      return "AVX2 VNNI";
    case dnnl_cpu_isa_avx512_core:
      return "AVX-512";
    case dnnl_cpu_isa_avx512_core_vnni:
      return "AVX-512 VNNI";
    case dnnl_cpu_isa_avx512_core_bf16:
      return "AVX-512 BF16";
    case dnnl_cpu_isa_avx512_core_amx:
      return "AMX";
    default:
      return fmt::format("oneDNN's number {}", static_cast<int>(isa));
  }
}

void CpuBackend::matmul(const Matmul& args) {
  DM_CHECK(args.m > 0 && args.n > 0 && args.k > 0, "matmul {}x{}x{}", args.m, args.n, args.k);
  gemm({.m = args.m,
        .n = args.n,
        .k = args.k,
        .a = args.a,
        .lda = args.transpose_a == Transpose::yes ? args.m : args.k,
        .b = args.b,
        .ldb = args.transpose_b == Transpose::yes ? args.k : args.n,
        .c = args.c,
        .ldc = args.n,
        .beta = args.mode == GradMode::accumulate ? 1.0F : 0.0F,
        .transpose_a = args.transpose_a,
        .transpose_b = args.transpose_b});
}

}  // namespace dropmuon::cpu
