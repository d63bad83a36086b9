// SPDX-License-Identifier: MIT
#include <algorithm>

#include "device/language.h"
#include "newton_schulz/frobenius_scale.h"
#include "newton_schulz/fused_iteration.h"
#include "newton_schulz/sum_squares.h"
#include "newton_schulz/tile_product.h"
#include "newton_schulz/tile_store.h"

namespace dropmuon::kernels {
namespace {

static_assert(kNormThreads == kTileThreads, "one block does both");

// Dynamic shared memory that leaves the static variables half a KiB of the smallest GPU's 99.
constexpr int kMostDynamic = 99 * 1024 - 512;

struct Group {
  int square;  // floats of shared memory for one n x n matrix
  FusedItem items[kFusedItemsPerLaunch];
};
static_assert(sizeof(Group) + sizeof(Polynomials) <= 4096, "kernel arguments");

// One block computes every tile of a product, one after the other, with the sums of the splits
// added as grouped_product adds them.
template <Operand kOperand, int kTile>
__device__ void compute(const Product& p, const Cut& cut, unsigned char* memory) {
  using Layout = TileLayout<kOperand, kTile>;
  for (int tile = 0; tile < cut.tiles; ++tile) {
    const TilePlace place = tile_place(p, kTile, tile);
    float values[Layout::kPerThread];
    for (int split = 0; split < cut.splits; ++split) {
      const int begin = split * cut.chunk;
      sum_products<kOperand, kTile, 1>(p, place, begin, min(p.depth, begin + cut.chunk), memory);
      float sums[Layout::kPerThread];
      take_sums<Layout, kTile>(memory, sums);
      for (int j = 0; j < Layout::kPerThread; ++j) {
        values[j] = split == 0 ? sums[j] : values[j] + sums[j];
      }
      __syncthreads();
    }
    store_tile<Layout, kTile>(p, place, values, memory);
  }
}

template <Operand kOperand>
__global__ void __launch_bounds__(kTileThreads, 2)
    fused_iteration_kernel(const __grid_constant__ Group group,
                           const __grid_constant__ Polynomials method) {
  using Memory = TileMemory<kOperand, 1>;
  SHARED(double[kNormThreads / 32], warps);
  SHARED(float, scale);
  // One thread walks through the iteration, so that its state is in nobody else's registers.
  SHARED(Iteration, iteration);
  SHARED(Product, product);
  SHARED(bool, more);
  DYN_SHARED(unsigned char, memory);
  auto* const squares = reinterpret_cast<float*>(memory + sizeof(Memory));
  const FusedItem& item = group.items[blockIdx.x];
  const std::size_t size = static_cast<std::size_t>(item.rows) * item.cols;
  const std::size_t chunk = norm_chunk(size);
  double sum = 0.0;
  for (std::size_t begin = 0; begin < size; begin += chunk) {
    sum += sum_squares(item.in, begin, begin + chunk < size ? begin + chunk : size, warps);
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    Iterand iterand = {.in = item.in,
                       .scale = &scale,
                       .out = item.out,
                       .spare = item.spare,
                       .squares = {},
                       .rows = item.rows,
                       .cols = item.cols,
                       .gram = item.gram};
    for (int i = 0; i < Iterand::kSquares; ++i) iterand.squares[i] = squares + i * group.square;
    scale = scale_of(sum);
    iteration.start(iterand, method);
  }
  for (;;) {
    if (threadIdx.x == 0) more = iteration.next(product);
    __syncthreads();
    if (!more) break;
    const Cut cut = cut_of(product);
    if (cut.tile == 16) {
      compute<kOperand, 16>(product, cut, memory);
    } else {
      compute<kOperand, 32>(product, cut, memory);
    }
  }
}

int short_side(const FusedItem& item) { return std::min(item.rows, item.cols); }

}  // namespace

cudaError_t fused_iteration(const FusedItem* items, int count, const Polynomials& method,
                            Operand operand, cudaStream_t stream) {
  if (count < 0 || method.steps < 1 || method.steps > Polynomials::kMaxSteps) {
    return cudaErrorInvalidValue;
  }
  int side = 0;
  for (int i = 0; i < count; ++i) {
    if (short_side(items[i]) < 1 || short_side(items[i]) > kLargestFusedSide) {
      return cudaErrorInvalidValue;
    }
    side = std::max(side, short_side(items[i]));
  }
  const auto kernel = operand == Operand::fp32   ? fused_iteration_kernel<Operand::fp32>
                      : operand == Operand::fp16 ? fused_iteration_kernel<Operand::fp16>
                                                 : fused_iteration_kernel<Operand::bf16>;
  Group group;
  group.square = (side * side + 31) / 32 * 32;
  const std::size_t memory = operand == Operand::fp32   ? sizeof(TileMemory<Operand::fp32, 1>)
                             : operand == Operand::fp16 ? sizeof(TileMemory<Operand::fp16, 1>)
                                                        : sizeof(TileMemory<Operand::bf16, 1>);
  const std::size_t bytes = memory + sizeof(float) * Iterand::kSquares * group.square;
  cudaError_t status =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kMostDynamic);
  for (int done = 0; done < count && status == cudaSuccess; done += kFusedItemsPerLaunch) {
    const int here = std::min(count - done, kFusedItemsPerLaunch);
    std::copy_n(items + done, here, group.items);
    status = launch(kernel, dim3(static_cast<unsigned>(here)), dim3(kTileThreads), bytes, stream,
                    group, method);
  }
  return status;
}

}  // namespace dropmuon::kernels
