// SPDX-License-Identifier: MIT
#include "simt/standin.h"

#include <bit>
#include <cstdint>
#include <cstring>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace simt {
namespace {

// Round to nearest even after dropping `bits` low bits of the mantissa.
float drop_bits(float value, unsigned bits) {
  auto pattern = std::bit_cast<std::uint32_t>(value);
  if ((pattern & 0x7f800000u) == 0x7f800000u) return value;  // infinity, NaN
  const std::uint32_t half_unit = (1u << (bits - 1)) - 1 + (pattern >> bits & 1);
  pattern = (pattern + half_unit) >> bits << bits;
  return std::bit_cast<float>(pattern);
}

float round_operand(float value, Rounding rounding) {
  switch (rounding) {
    case Rounding::none:
      return value;
    case Rounding::tf32:
      return drop_bits(value, 13);
    case Rounding::bf16:
      return drop_bits(value, 16);
    case Rounding::half:
      return __half2float(__float2half(value));
  }
  return value;
}

}  // namespace

std::size_t type_bytes(cudaDataType type) {
  if (type == CUDA_R_32F) return 4;
  return type == CUDA_R_16BF || type == CUDA_R_16F ? 2 : 0;
}

float read_element(const void* memory, cudaDataType type, std::size_t index) {
  if (type == CUDA_R_32F) return static_cast<const float*>(memory)[index];
  if (type == CUDA_R_16BF) {
    const std::uint32_t bits = static_cast<const std::uint16_t*>(memory)[index];
    return std::bit_cast<float>(bits << 16);
  }
  return __half2float(static_cast<const __half*>(memory)[index]);
}

void write_element(void* memory, cudaDataType type, std::size_t index, double value) {
  const auto narrowed = static_cast<float>(value);
  if (type == CUDA_R_32F) {
    static_cast<float*>(memory)[index] = narrowed;
  } else if (type == CUDA_R_16BF) {
    static_cast<__nv_bfloat16*>(memory)[index] = __float2bfloat16(narrowed);
  } else {
    static_cast<__half*>(memory)[index] = __float2half(narrowed);
  }
}

std::vector<float> read_operand(const void* memory, cudaDataType type, std::size_t count,
                                Rounding rounding) {
  std::vector<float> result(count);
  if (type == CUDA_R_32F) {
    std::memcpy(result.data(), memory, count * sizeof(float));
  } else {
    for (std::size_t i = 0; i < count; ++i) result[i] = read_element(memory, type, i);
  }
  if (rounding != Rounding::none) {
    for (float& value : result) value = round_operand(value, rounding);
  }
  return result;
}

cudaError_t run_on_stream(cudaStream_t stream, std::function<void()> work) {
  return enqueue(
      stream,
      [work = std::move(work)] {
        const DeviceAccess access;
        work();
        return cudaSuccess;
      },
      cudaGraphNodeTypeKernel);
}

}  // namespace simt
