// SPDX-License-Identifier: MIT
#include <climits>

#include "device/language.h"
#include "newton_schulz/grouped_product.h"
#include "newton_schulz/tile_product.h"
#include "newton_schulz/tile_store.h"

namespace dropmuon::kernels {
namespace {

// A product and its share of the launch.
struct Placed {
  Product product;
  int first_block;    // its blocks are numbered tile by tile, the splits of a tile side by side
  int first_counter;  // a counter for each tile that is split
  std::size_t first_partial;
};

struct Group {
  int count;
  Placed items[kProductsPerLaunch];
};
static_assert(sizeof(Group) + sizeof(Scratch) <= 4096, "kernel arguments");

// Leaves this split's sums in scratch. True in the block that finishes last, with the tile's sums,
// added in the order of the splits, in `values`.
template <typename Layout, int kTile>
__device__ bool join_splits(float* partials, unsigned* counter, int split, int splits,
                            float (&values)[Layout::kPerThread]) {
  SHARED(bool, last);
  const int thread = static_cast<int>(threadIdx.x);
  for (int j = 0; j < Layout::kPerThread; ++j) {
    partials[split * kTile * kTile + j * kTileThreads + thread] = values[j];
  }
  __threadfence();
  __syncthreads();
  if (thread == 0) {
    last = atomicAdd(counter, 1U) == static_cast<unsigned>(splits - 1);
    if (last) *counter = 0;
  }
  __syncthreads();
  if (!last) return false;
  __threadfence();
  for (int j = 0; j < Layout::kPerThread; ++j) {
    const float* const own = partials + j * kTileThreads + thread;
    values[j] = __ldcg(own);
    for (int s = 1; s < splits; ++s) values[j] += __ldcg(own + s * kTile * kTile);
  }
  return true;
}

template <Operand kOperand, int kTile>
__device__ void compute(const Placed& item, const Cut& cut, const Scratch& scratch,
                        unsigned char* memory) {
  using Layout = TileLayout<kOperand, kTile>;
  const Product& p = item.product;
  const int block = static_cast<int>(blockIdx.x) - item.first_block;
  const int tile = block / cut.splits;
  const int split = block % cut.splits;
  const TilePlace place = tile_place(p, kTile, tile);
  const int begin = split * cut.chunk;
  sum_products<kOperand, kTile, 2>(p, place, begin, min(p.depth, begin + cut.chunk), memory);
  float values[Layout::kPerThread];
  take_sums<Layout, kTile>(memory, values);
  if (cut.splits > 1) {
    float* const partials = scratch.floats + item.first_partial +
                            static_cast<std::size_t>(tile) * cut.splits * kTile * kTile;
    unsigned* const counter = scratch.counters + item.first_counter + tile;
    if (!join_splits<Layout, kTile>(partials, counter, split, cut.splits, values)) return;
  }
  store_tile<Layout, kTile>(p, place, values, memory);
}

template <Operand kOperand>
__global__ void __launch_bounds__(kTileThreads)
    grouped_product_kernel(const __grid_constant__ Group group, Scratch scratch) {
  using Memory = TileMemory<kOperand, 2>;
  SHARED(Memory, memory);
  int i = 0;
  while (i + 1 < group.count && static_cast<int>(blockIdx.x) >= group.items[i + 1].first_block) ++i;
  const Placed& item = group.items[i];
  const Cut cut = cut_of(item.product);
  if (cut.tile == 16) {
    compute<kOperand, 16>(item, cut, scratch, memory.bytes);
  } else if (cut.tile == 32) {
    compute<kOperand, 32>(item, cut, scratch, memory.bytes);
  } else {
    compute<kOperand, 64>(item, cut, scratch, memory.bytes);
  }
}

bool valid(const Product& p) { return p.rows > 0 && p.cols > 0 && p.depth > 0; }

std::size_t partial_floats(const Cut& cut) {
  if (cut.splits == 1) return 0;
  return static_cast<std::size_t>(cut.tiles) * cut.splits * cut.tile * cut.tile;
}

// Takes products from the list while they fit one launch. The number taken; 0: not even the first.
int fill(const Product* products, int count, const Scratch& scratch, Group& group, int& blocks) {
  std::size_t partials = 0;
  int counters = 0;
  group.count = 0;
  blocks = 0;
  while (group.count < count && group.count < kProductsPerLaunch) {
    const Cut cut = cut_of(products[group.count]);
    const int split_tiles = cut.splits > 1 ? cut.tiles : 0;
    if (partial_floats(cut) > scratch.float_count - partials) break;
    if (split_tiles > scratch.counter_count - counters) break;
    if (cut.tiles > (INT_MAX - blocks) / cut.splits) break;
    group.items[group.count] = {products[group.count], blocks, counters, partials};
    partials += partial_floats(cut);
    counters += split_tiles;
    blocks += cut.tiles * cut.splits;
    ++group.count;
  }
  return group.count;
}

}  // namespace

cudaError_t grouped_product(const Product* products, int count, Operand operand,
                            const Scratch& scratch, cudaStream_t stream) {
  if (grouped_product_launches(products, count, scratch) < 0) return cudaErrorInvalidValue;
  const auto kernel = operand == Operand::fp32   ? grouped_product_kernel<Operand::fp32>
                      : operand == Operand::fp16 ? grouped_product_kernel<Operand::fp16>
                                                 : grouped_product_kernel<Operand::bf16>;
  Group group;
  int blocks = 0;
  for (int done = 0; done < count; done += group.count) {
    fill(products + done, count - done, scratch, group, blocks);
    const cudaError_t status = launch(kernel, dim3(static_cast<unsigned>(blocks)),
                                      dim3(kTileThreads), 0, stream, group, scratch);
    if (status != cudaSuccess) return status;
  }
  return cudaSuccess;
}

int grouped_product_launches(const Product* products, int count, const Scratch& scratch) {
  if (count < 0) return -1;
  for (int i = 0; i < count; ++i) {
    if (!valid(products[i])) return -1;
  }
  Group group;
  int blocks = 0;
  int launches = 0;
  for (int done = 0; done < count; done += group.count, ++launches) {
    if (fill(products + done, count - done, scratch, group, blocks) == 0) return -1;
  }
  return launches;
}

}  // namespace dropmuon::kernels
