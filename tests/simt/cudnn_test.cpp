// SPDX-License-Identifier: MIT
// The cuDNN stand-in against a direct convolution, and mistakes of the caller refused.
#include <functional>
#include <numeric>

#include <cudnn.h>

#include "selftest.h"

using namespace selftest;

namespace {

constexpr auto kOk = CUDNN_STATUS_SUCCESS;
constexpr auto kForward = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
constexpr auto kData = CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;
constexpr auto kFilter = CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1;

// x 2 x 3 x 7 x 6, w 4 x 3 x 3 x 3, stride 2, padding 1, y 2 x 4 x 4 x 3.
struct Dnn : Harness {
  explicit Dnn(cudnnTensorFormat_t layout = CUDNN_TENSOR_NHWC,
               cudnnDataType_t type = CUDNN_DATA_FLOAT)
      : format(layout) {
    REQUIRE(cudnnCreate(&handle) == kOk);
    REQUIRE(cudnnSetStream(handle, stream) == kOk);
    REQUIRE(cudnnCreateTensorDescriptor(&x) == kOk);
    REQUIRE(cudnnCreateTensorDescriptor(&y) == kOk);
    REQUIRE(cudnnCreateFilterDescriptor(&w) == kOk);
    REQUIRE(cudnnCreateConvolutionDescriptor(&how) == kOk);
    REQUIRE(cudnnSetTensor4dDescriptor(x, format, type, 2, 3, 7, 6) == kOk);
    REQUIRE(cudnnSetTensor4dDescriptor(y, format, type, 2, 4, 4, 3) == kOk);
    REQUIRE(cudnnSetFilter4dDescriptor(w, type, format, 4, 3, 3, 3) == kOk);
    REQUIRE(cudnnSetConvolution2dDescriptor(how, 1, 1, 2, 2, 1, 1, CUDNN_CROSS_CORRELATION,
                                            CUDNN_DATA_FLOAT) == kOk);
    REQUIRE(cudnnSetConvolutionMathType(how, CUDNN_FMA_MATH) == kOk);
  }
  ~Dnn() {
    cudnnDestroyTensorDescriptor(x);
    cudnnDestroyTensorDescriptor(y);
    cudnnDestroyFilterDescriptor(w);
    cudnnDestroyConvolutionDescriptor(how);
    cudnnDestroy(handle);
  }
  // Place of element (n, c, h, w) of a tensor with these sizes.
  std::size_t place(int c_size, int h_size, int w_size, int n, int c, int h, int wi) const {
    return std::size_t(format == CUDNN_TENSOR_NHWC ? ((n * h_size + h) * w_size + wi) * c_size + c
                                                   : ((n * c_size + c) * h_size + h) * w_size + wi);
  }
  // Calls visit(index in x, index in w, index in y) for every product of the convolution.
  template <typename Visit>
  void products(Visit visit) const {
    for (int i = 0; i < 2 * 4 * 4 * 3 * 3 * 9; ++i) {
      const int s = i % 3, r = i / 3 % 3, c = i / 9 % 3, q = i / 27 % 3, p = i / 81 % 4;
      const int k = i / 324 % 4, n = i / 1296;
      const int row = 2 * p - 1 + r, column = 2 * q - 1 + s;
      if (row < 0 || row >= 7 || column < 0 || column >= 6) continue;
      visit(place(3, 7, 6, n, c, row, column), place(3, 3, 3, k, c, r, s),
            place(4, 4, 3, n, k, p, q));
    }
  }
  std::size_t forward_bytes() const {
    std::size_t bytes = 0;
    REQUIRE(cudnnGetConvolutionForwardWorkspaceSize(handle, x, w, how, y, kForward, &bytes) == kOk);
    return bytes;
  }

  cudnnTensorFormat_t format;
  cudnnHandle_t handle = nullptr;
  cudnnTensorDescriptor_t x = nullptr;
  cudnnTensorDescriptor_t y = nullptr;
  cudnnFilterDescriptor_t w = nullptr;
  cudnnConvolutionDescriptor_t how = nullptr;
};

const float kOne = 1.0f;
const float kZero = 0.0f;

}  // namespace

TEST_CASE("the three passes of a convolution, in both layouts") {
  const Dnn dnn(GENERATE(CUDNN_TENSOR_NHWC, CUDNN_TENSOR_NCHW));
  const auto x = random_values(252, 1);
  const auto w = random_values(108, 2);
  const auto dy = random_values(96, 3);
  std::vector<float> y(96, 0.0f), dx(252, 0.0f), dw(108, 0.0f);
  dnn.products([&](std::size_t i, std::size_t j, std::size_t k) {
    y[k] += x[i] * w[j];
    dx[i] += dy[k] * w[j];
    dw[j] += dy[k] * x[i];
  });
  const Device<float> gx(x), gw(w), gdy(dy), gy(96), gdx(252), gdw(108);
  std::size_t bytes[3] = {};
  bytes[0] = dnn.forward_bytes();
  REQUIRE(cudnnGetConvolutionBackwardDataWorkspaceSize(dnn.handle, dnn.w, dnn.y, dnn.how, dnn.x,
                                                       kData, &bytes[1]) == kOk);
  REQUIRE(cudnnGetConvolutionBackwardFilterWorkspaceSize(dnn.handle, dnn.x, dnn.y, dnn.how, dnn.w,
                                                         kFilter, &bytes[2]) == kOk);
  const Device<char> work(std::max({bytes[0], bytes[1], bytes[2]}));
  REQUIRE(cudnnConvolutionForward(dnn.handle, &kOne, dnn.x, gx, dnn.w, gw, dnn.how, kForward, work,
                                  bytes[0], &kZero, dnn.y, gy) == kOk);
  REQUIRE(cudnnConvolutionBackwardData(dnn.handle, &kOne, dnn.w, gw, dnn.y, gdy, dnn.how, kData,
                                       work, bytes[1], &kZero, dnn.x, gdx) == kOk);
  REQUIRE(cudnnConvolutionBackwardFilter(dnn.handle, &kOne, dnn.x, gx, dnn.y, gdy, dnn.how, kFilter,
                                         work, bytes[2], &kZero, dnn.w, gdw) == kOk);
  REQUIRE(dnn.finish() == cudaSuccess);
  CHECK(difference(gy.host(), y) < 1e-5);
  CHECK(difference(gdx.host(), dx) < 1e-5);
  CHECK(difference(gdw.host(), dw) < 1e-5);
  CHECK(work.host()[0] == char(0xff));  // the library wrote there

  const float two = 2.0f, one_half = 0.5f;  // y = 2 conv(x, w) + y / 2
  REQUIRE(cudnnConvolutionForward(dnn.handle, &two, dnn.x, gx, dnn.w, gw, dnn.how, kForward, work,
                                  bytes[0], &one_half, dnn.y, gy) == kOk);
  REQUIRE(dnn.finish() == cudaSuccess);
  for (float& value : y) value *= 2.5f;
  CHECK(difference(gy.host(), y) < 2e-5);
}

TEST_CASE("the math type decides how fp32 operands are rounded, 16-bit tensors round the result") {
  const float value = 1.0f + 0x1p-9f + 0x1p-12f;
  const auto first = [&](cudnnMathType_t math) {
    const Dnn dnn;
    REQUIRE(cudnnSetConvolutionMathType(dnn.how, math) == kOk);
    const Device<float> x(std::vector<float>(252, value));
    std::vector<float> one_tap(108, 0.0f);
    one_tap[(1 * 3 + 1) * 3] = 1.0f;  // k 0, centre, c 0
    const Device<float> w(one_tap), y(96);
    const Device<char> work(dnn.forward_bytes());
    REQUIRE(cudnnConvolutionForward(dnn.handle, &kOne, dnn.x, x, dnn.w, w, dnn.how, kForward, work,
                                    dnn.forward_bytes(), &kZero, dnn.y, y) == kOk);
    REQUIRE(dnn.finish() == cudaSuccess);
    return y.host()[0];
  };
  CHECK(first(CUDNN_FMA_MATH) == value);
  CHECK(first(CUDNN_TENSOR_OP_MATH) == 1.0f + 0x1p-9f);
  CHECK(first(CUDNN_DEFAULT_MATH) == 1.0f + 0x1p-9f);

  const Dnn dnn(CUDNN_TENSOR_NHWC, CUDNN_DATA_BFLOAT16);
  REQUIRE(cudnnSetConvolutionMathType(dnn.how, CUDNN_TENSOR_OP_MATH) == kOk);
  const std::vector<__nv_bfloat16> ones(252, __float2bfloat16(1.0f));
  const std::vector<__nv_bfloat16> taps(108, __float2bfloat16(1.0f + 0x1p-7f));
  const Device<__nv_bfloat16> x(ones), w(taps), y(96);
  const Device<char> work(dnn.forward_bytes());
  REQUIRE(cudnnConvolutionForward(dnn.handle, &kOne, dnn.x, x, dnn.w, w, dnn.how, kForward, work,
                                  dnn.forward_bytes(), &kZero, dnn.y, y) == kOk);
  REQUIRE(dnn.finish() == cudaSuccess);
  // The corner has 12 taps: 12.09375, and bf16 has steps of 1/16 there.
  CHECK(float(y.host()[0]) == 12.125f);
}

TEST_CASE("the algorithm list has entries that must not be taken blindly") {
  const Dnn dnn;
  cudnnConvolutionBwdFilterAlgoPerf_t filter[8];
  int count = 0;
  REQUIRE(cudnnGetConvolutionBackwardFilterAlgorithm_v7(dnn.handle, dnn.x, dnn.y, dnn.how, dnn.w, 8,
                                                        &count, filter) == kOk);
  REQUIRE(count == 4);
  CHECK(filter[0].determinism == CUDNN_NON_DETERMINISTIC);
  CHECK(filter[2].algo == kFilter);
  CHECK(filter[2].status == kOk);
  CHECK(filter[2].determinism == CUDNN_DETERMINISTIC);
  CHECK(filter[2].mathType == CUDNN_FMA_MATH);
  CHECK(filter[3].status == CUDNN_STATUS_NOT_SUPPORTED);
  std::size_t bytes = 0;
  REQUIRE(cudnnGetConvolutionBackwardFilterWorkspaceSize(dnn.handle, dnn.x, dnn.y, dnn.how, dnn.w,
                                                         kFilter, &bytes) == kOk);
  CHECK(bytes == filter[2].memory);
  CHECK(cudnnGetConvolutionBackwardFilterWorkspaceSize(dnn.handle, dnn.x, dnn.y, dnn.how, dnn.w,
                                                       filter[3].algo,
                                                       &bytes) == CUDNN_STATUS_NOT_SUPPORTED);

  const Device<float> x(std::vector<float>(252, 1.0f)), dy(std::vector<float>(96, 1.0f)), dw(108);
  const Device<char> work(4096);
  const auto run = [&](cudnnConvolutionBwdFilterAlgo_t algorithm) {
    return cudnnConvolutionBackwardFilter(dnn.handle, &kOne, dnn.x, x, dnn.y, dy, dnn.how,
                                          algorithm, work, 4096, &kZero, dnn.w, dw);
  };
  simt::stats = {};
  simt::clear_counts();
  CHECK(run(filter[3].algo) == CUDNN_STATUS_NOT_SUPPORTED);
  REQUIRE(run(kFilter) == kOk);
  REQUIRE(dnn.finish() == cudaSuccess);
  CHECK(simt::stats.nondeterministic_algorithms == 0);
  REQUIRE(run(filter[0].algo) == kOk);
  REQUIRE(dnn.finish() == cudaSuccess);
  CHECK(simt::stats.nondeterministic_algorithms == 1);
  CHECK(simt::library_calls("cudnnConvolutionBackwardFilter") == 2);
}

TEST_CASE("the caller's mistakes with cuDNN are refused") {
  const Dnn dnn;
  const Device<float> x(252), w(108), y(96);
  const std::size_t bytes = dnn.forward_bytes();
  const Device<char> work(bytes);
  std::vector<float> host(252);
  struct Arguments {
    const float* alpha;
    const float* x;
    void* work;
    std::size_t bytes;
    float* y;
  };
  const auto run = [&](Arguments a) {
    return cudnnConvolutionForward(dnn.handle, a.alpha, dnn.x, a.x, dnn.w, w, dnn.how, kForward,
                                   a.work, a.bytes, &kZero, dnn.y, a.y);
  };
  const Arguments good{&kOne, x, work, bytes, y};
  const auto with = [&](std::function<void(Arguments&)> change) {
    Arguments a = good;
    change(a);
    return run(a);
  };
  CHECK(run(good) == kOk);
  CHECK(with([](Arguments& a) { a.alpha = nullptr; }) != kOk);
  CHECK(with([&](Arguments& a) { a.alpha = x; }) != kOk);
  CHECK(with([](Arguments& a) { a.x = nullptr; }) != kOk);
  CHECK(with([&](Arguments& a) { a.x = host.data(); }) != kOk);
  CHECK(with([&](Arguments& a) { a.x = y; }) != kOk);  // too small
  CHECK(with([](Arguments& a) { a.work = nullptr; }) != kOk);
  CHECK(with([](Arguments& a) { a.bytes -= 1; }) != kOk);
  CHECK(with([](Arguments& a) { a.bytes += 1; }) != kOk);  // more than there is

  const auto broken = [&](cudnnStatus_t set) {
    REQUIRE(set == kOk);
    const bool refused = run(good) != kOk;
    REQUIRE(cudnnSetTensor4dDescriptor(dnn.y, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 2, 4, 4, 3) ==
            kOk);
    REQUIRE(cudnnSetConvolutionGroupCount(dnn.how, 1) == kOk);
    return refused && run(good) == kOk;
  };
  const auto set_y = [&](cudnnTensorFormat_t format, cudnnDataType_t type, int n, int k, int p) {
    return cudnnSetTensor4dDescriptor(dnn.y, format, type, n, k, p, 3);
  };
  CHECK(broken(set_y(CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 1, 4, 4)));
  CHECK(broken(set_y(CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 2, 3, 4)));
  CHECK(broken(set_y(CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 2, 4, 3)));
  CHECK(broken(set_y(CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 2, 4, 4)));
  CHECK(broken(set_y(CUDNN_TENSOR_NHWC, CUDNN_DATA_HALF, 2, 4, 4)));
  CHECK(broken(cudnnSetConvolutionGroupCount(dnn.how, 3)));
  CHECK(cudnnSetTensor4dDescriptor(dnn.y, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 0, 4, 4, 3) != kOk);
  CHECK(cudnnSetConvolution2dDescriptor(dnn.how, 1, 1, 0, 2, 1, 1, CUDNN_CROSS_CORRELATION,
                                        CUDNN_DATA_FLOAT) != kOk);
  char text[64];
  cudnnGetLastErrorString(text, sizeof text);
  CHECK(std::string(text) == "bad convolution descriptor");
  int n = 0, c = 0, h = 0, width = 0;
  REQUIRE(cudnnGetConvolution2dForwardOutputDim(dnn.how, dnn.x, dnn.w, &n, &c, &h, &width) == kOk);
  CHECK(std::vector<int>{n, c, h, width} == std::vector<int>{2, 4, 4, 3});
}

TEST_CASE("descriptors may be gone when the work runs") {
  const Harness harness;
  simt::set_lazy(true);
  const Device<float> x(std::vector<float>(252, 1.0f)), w(std::vector<float>(108, 1.0f)), y(96);
  const Device<char> work(4096);
  {
    const Dnn dnn;
    simt::set_lazy(true);
    REQUIRE(cudnnSetStream(dnn.handle, harness.stream) == kOk);
    REQUIRE(cudnnConvolutionForward(dnn.handle, &kOne, dnn.x, x, dnn.w, w, dnn.how, kForward, work,
                                    4096, &kZero, dnn.y, y) == kOk);
    REQUIRE(cudnnSetTensor4dDescriptor(dnn.x, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 9, 9, 9, 9) ==
            kOk);
    REQUIRE(harness.finish() == cudaSuccess);
  }
  CHECK(y.host()[0] == 12.0f);
}
