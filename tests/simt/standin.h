// SPDX-License-Identifier: MIT
// What the cuBLAS and cuDNN stand-ins have in common: operands as floats, work on streams.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include <library_types.h>

#include "simt/internal.h"

namespace simt {

// How a library rounds fp32 operands before it multiplies.
enum class Rounding { none, tf32, bf16, half };

std::size_t type_bytes(cudaDataType type);  // 0 for a type the stand-ins do not know
// `count` elements from device memory, widened to float and then rounded.
std::vector<float> read_operand(const void* memory, cudaDataType type, std::size_t count,
                                Rounding rounding);
float read_element(const void* memory, cudaDataType type, std::size_t index);
void write_element(void* memory, cudaDataType type, std::size_t index, double value);

// Puts the work on the stream like a kernel of the library. In real libraries it would run on the
// device, so device memory is open to it.
cudaError_t run_on_stream(cudaStream_t stream, std::function<void()> work);

// Does [memory, memory + bytes) lie in one live device allocation?
bool valid_device_range(const void* memory, std::size_t bytes);

}  // namespace simt
