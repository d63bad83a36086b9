// SPDX-License-Identifier: MIT
// A step of the Fashion-MNIST network with Muon runs the kernels and library calls that the table
// "Launches" of docs/kernel_costs.md says, for every start layer.
#include <array>

#include "catch.h"
#include "cuda/toy.h"
#include "simt/simt.h"

using namespace dropmuon;

namespace {

constexpr int kConvs = 3;

// "all" of the table, by start layer from 1.
constexpr std::array kFp32 = {49, 44, 39, 34};
constexpr std::array kBf16 = {68, 58, 48, 40};

// The counts do not depend on the channels, as long as the head alone (10 x 936) is too long for
// the fused Newton-Schulz, as it is in the real network.
Experiment experiment() {
  Experiment e;
  e.model.channels = {8, 8, 104};
  e.optimizer.lr = 0.02;
  e.sampling.scheme = SamplingScheme::full;
  e.train = {.epochs = 1, .batch_size = 2, .micro_batch = 2, .eval_train_images = 2};
  return e;
}

Dataset tiny_fashion() {
  const ImageShape image = {28, 28, 1};
  Dataset data = toy_dataset(image);
  data.classes = 10;
  data.train = toy_split(image, 10, 2);
  data.test = toy_split(image, 2, 3);
  return data;
}

std::uint64_t library_calls() {
  std::uint64_t sum = 0;
  for (const char* call : {"cublasGemmEx", "cudnnConvolutionForward",
                           "cudnnConvolutionBackwardData", "cudnnConvolutionBackwardFilter"}) {
    sum += simt::library_calls(call);
  }
  return sum;
}

std::uint64_t newton_schulz_launches() {
  return simt::kernel_launches("frobenius_scale_kernel") +
         simt::kernel_launches("grouped_product_kernel") +
         simt::kernel_launches("fused_iteration_kernel") +
         simt::kernel_launches("scaled_copy_kernel");
}

// Copies on the device, which the harness does not count: each active convolution hands over its
// filter gradient, and takes its filter (in bf16 that is a conversion, so a kernel).
int copies(Precision precision, int start) {
  const int active = kConvs + 1 - start;
  return precision == Precision::bf16 ? active : 2 * active;
}

}  // namespace

TEST_CASE("a step launches what the table of docs/kernel_costs.md says", "[cuda]") {
  const Dataset data = tiny_fashion();
  for (const Precision precision : {Precision::fp32, Precision::tf32, Precision::bf16}) {
    ToyRun run(on_cuda(false, precision), experiment(), data);
    REQUIRE(run.trainer().network().depth() == kConvs + 1);
    for (int start = 1; start <= kConvs + 1; ++start) {
      CAPTURE(static_cast<int>(precision), start);
      std::vector<int> layers;
      for (int layer = start - 1; layer <= kConvs; ++layer) layers.push_back(layer);
      run.backend().synchronize();
      simt::clear_counts();
      run.trainer().step(start - 1, ActiveSet::of(layers, kConvs + 1));
      run.backend().synchronize();
      const auto counted = static_cast<int>(simt::kernel_launches("") + library_calls());
      const auto& table = precision == Precision::bf16 ? kBf16 : kFp32;
      CHECK(counted + copies(precision, start) == table[static_cast<std::size_t>(start - 1)]);
      CHECK(newton_schulz_launches() == 18);
    }
  }
}
