// SPDX-License-Identifier: MIT
#include "kernels/bias_relu_pool.h"

#include <cstdint>

#include "compare.h"
#include "device_array.h"

namespace dropmuon::kernels {
namespace {

struct Case {
  int n, height, width, channels, pool;
  std::size_t offset = 0;  // of every float array: 1 forbids vector accesses
  ImageShape shape() const { return {height, width, channels}; }
  std::size_t in() const { return static_cast<std::size_t>(n) * height * width * channels; }
  std::size_t out() const {
    return static_cast<std::size_t>(n) * (height / pool) * (width / pool) * channels;
  }
};

// Channels beside the tile of 64 groups, pools that cut off rows and columns, several blocks.
const std::vector<Case> kCases = {
    {1, 1, 1, 1, 1},     {2, 5, 7, 3, 2},   {3, 4, 4, 4, 2},   {2, 9, 8, 33, 3},
    {1, 15, 16, 31, 15}, {2, 6, 6, 260, 2}, {1, 3, 4, 65, 1},  {40, 8, 8, 8, 2},
    {3, 8, 8, 8, 2, 1},  {5, 11, 9, 4, 4},  {70, 7, 7, 16, 1}, {2, 5, 5, 1024, 2},
    {3, 6, 5, 127, 2},   {1, 2, 2, 128, 2}, {600, 3, 3, 4, 2}, {2, 14, 14, 32, 5},
    {1, 3, 3, 12, 1, 1}, {9, 2, 3, 129, 1},
};

// A few quantised values, so that windows have ties.
std::vector<float> quantised(std::size_t count, std::uint64_t seed) {
  std::vector<float> values = random_floats(count, seed);
  for (float& v : values) v = std::round(2.0F * v) / 2.0F;
  return values;
}

struct Forward {
  std::vector<float> out;
  std::vector<std::uint8_t> winner;
};

Forward reference(const Case& c, const std::vector<float>& conv, const std::vector<float>& bias) {
  Forward result{std::vector<float>(c.out()), std::vector<std::uint8_t>(c.out())};
  std::size_t at = 0;
  for (int i = 0; i < c.n; ++i) {
    for (int r = 0; r < c.height / c.pool; ++r) {
      for (int q = 0; q < c.width / c.pool; ++q) {
        for (int k = 0; k < c.channels; ++k, ++at) {
          float best = 0.0F;
          int index = 0;
          for (int w = 0; w < c.pool * c.pool; ++w) {
            const int y = r * c.pool + w / c.pool;
            const int x = q * c.pool + w % c.pool;
            const auto row = static_cast<std::size_t>(i) * c.height + y;
            const float value = conv[(row * c.width + x) * c.channels + k];
            if (w == 0 || value > best) {
              best = value;
              index = w;
            }
          }
          best += bias[k];
          result.out[at] = best <= 0.0F ? 0.0F : best;
          result.winner[at] = best > 0.0F ? static_cast<std::uint8_t>(index) : 255;
        }
      }
    }
  }
  return result;
}

void check_forward(const Case& c, const std::vector<float>& conv, const std::vector<float>& bias) {
  CAPTURE(c.n, c.height, c.width, c.channels, c.pool, c.offset);
  const DeviceArray<float> device_conv(conv, c.offset), device_bias(bias, c.offset);
  const DeviceArray<float> out(c.out(), c.offset), out_alone(c.out(), c.offset);
  const DeviceArray<std::uint8_t> winner(c.out(), c.offset);
  const BiasReluPoolForward args{
      c.n, c.shape(), c.pool, device_conv.get(), device_bias.get(), out.get(), winner.get()};
  finish(bias_relu_pool_forward(args, test_stream()));
  BiasReluPoolForward alone = args;
  alone.out = out_alone.get();
  alone.winner = nullptr;
  finish(bias_relu_pool_forward(alone, test_stream()));
  const Forward expected = reference(c, conv, bias);
  CHECK(same_bytes(out.host(), expected.out));
  CHECK(same_bytes(out_alone.host(), expected.out));
  CHECK(same_bytes(winner.host(), expected.winner));
}

struct Backward {
  std::vector<float> dconv, dbias;
};

Backward run_backward(const Case& c, const std::vector<float>& dout,
                      const std::vector<std::uint8_t>& winner, const TestScratch& scratch,
                      const std::vector<float>* old_bias) {
  const DeviceArray<float> device_dout(dout, c.offset);
  const DeviceArray<std::uint8_t> device_winner(winner, c.offset);
  const DeviceArray<float> dconv(c.in(), c.offset);
  const auto channels = static_cast<std::size_t>(c.channels);
  const DeviceArray<float> dbias =
      old_bias != nullptr ? DeviceArray<float>(*old_bias) : DeviceArray<float>(channels);
  const GradMode mode = old_bias != nullptr ? GradMode::accumulate : GradMode::overwrite;
  finish(bias_relu_pool_backward({c.n, c.shape(), c.pool, device_dout.get(), device_winner.get(),
                                  dconv.get(), dbias.get(), mode},
                                 scratch.get(), test_stream()));
  CHECK(scratch.clean());
  return {dconv.host(), dbias.host()};
}

void check_backward(const Case& c) {
  CAPTURE(c.n, c.height, c.width, c.channels, c.pool, c.offset);
  const Forward forward = reference(c, quantised(c.in(), 1), quantised(c.channels, 2));
  const std::vector<float> dout = random_floats(c.out(), 3);
  const auto channels = static_cast<std::size_t>(c.channels);
  std::vector<float> dconv(c.in(), 0.0F);
  std::vector<double> dbias(channels, 0.0);
  for (std::size_t at = 0; at < c.out(); ++at) {
    if (forward.winner[at] == 255) continue;
    const std::size_t k = at % channels;
    const std::size_t pixel = at / channels;
    const int width = c.width / c.pool;
    const int height = c.height / c.pool;
    const std::size_t y = pixel / width / height * c.height + pixel / width % height * c.pool +
                          forward.winner[at] / c.pool;
    const std::size_t x = pixel % width * c.pool + forward.winner[at] % c.pool;
    dconv[(y * c.width + x) * channels + k] = dout[at];
    dbias[k] += dout[at];
  }
  const TestScratch ample(300 * channels), least(channels);
  const Backward found = run_backward(c, dout, forward.winner, ample, nullptr);
  CHECK(same_bytes(found.dconv, dconv));
  CHECK(relative_error(found.dbias, dbias) < 2e-6);
  const Backward again = run_backward(c, dout, forward.winner, ample, nullptr);
  CHECK(same_bytes(again.dbias, found.dbias));
  const Backward one_block = run_backward(c, dout, forward.winner, least, nullptr);
  CHECK(same_bytes(one_block.dconv, dconv));
  CHECK(relative_error(one_block.dbias, dbias) < 2e-6);
  const std::vector<float> old = random_floats(channels, 4);
  const Backward added = run_backward(c, dout, forward.winner, ample, &old);
  for (std::size_t k = 0; k < channels; ++k) dbias[k] += old[k];
  CHECK(relative_error(added.dbias, dbias) < 2e-6);
}

}  // namespace

TEST_CASE("bias_relu_pool_forward agrees bit by bit with the scalar loop") {
  for (const Case& c : kCases) check_forward(c, quantised(c.in(), 1), quantised(c.channels, 2));
}

TEST_CASE("bias_relu_pool_forward treats NaN and infinity as the CPU does") {
  for (const int channels : {1, 4}) {
    for (const int pool : {1, 2, 3}) {
      const Case c{3, 2 * pool, 2 * pool, channels, pool};
      std::vector<float> conv = quantised(c.in(), 5);
      for (std::size_t i = 0; i < conv.size(); i += 5) conv[i] = NAN;
      for (std::size_t i = 3; i < conv.size(); i += 7) conv[i] = i % 2 == 0 ? INFINITY : -INFINITY;
      std::vector<float> bias = quantised(channels, 6);
      check_forward(c, conv, bias);
      bias[0] = NAN;
      check_forward(c, conv, bias);
    }
  }
}

TEST_CASE("bias_relu_pool_backward writes every gradient and sums the bias's in a fixed order") {
  for (const Case& c : kCases) check_backward(c);
}

TEST_CASE("bias_relu_pool_backward without dbias needs no scratch") {
  const Case c{2, 5, 5, 4, 2};
  const DeviceArray<float> dout(random_floats(c.out(), 1)), dconv(c.in());
  const DeviceArray<std::uint8_t> winner(std::vector<std::uint8_t>(c.out(), 3));
  finish(bias_relu_pool_backward(
      {c.n, c.shape(), c.pool, dout.get(), winner.get(), dconv.get(), nullptr}, {}, test_stream()));
  double sum = 0.0;
  double expected = 0.0;
  for (const float v : dconv.host()) sum += v;
  for (const float v : dout.host()) expected += v;
  CHECK(sum == Approx(expected));
}

TEST_CASE("bias_relu_pool refuses empty shapes, misfit pools and too little scratch") {
  const TestScratch scratch(64);
  for (const Case& c : std::vector<Case>{{0, 4, 4, 4, 2},
                                         {1, 0, 4, 4, 1},
                                         {1, 4, -4, 4, 1},
                                         {1, 4, 4, 0, 1},
                                         {1, 4, 4, 4, 0},
                                         {1, 4, 4, 4, 5},
                                         {1, 20, 20, 4, 16},
                                         {1, 3, 2, 4, 3}}) {
    CAPTURE(c.n, c.height, c.width, c.channels, c.pool);
    BiasReluPoolForward forward{};
    BiasReluPoolBackward backward{};
    forward.n = backward.n = c.n;
    forward.conv_shape = backward.conv_shape = c.shape();
    forward.pool = backward.pool = c.pool;
    CHECK(bias_relu_pool_forward(forward, test_stream()) == cudaErrorInvalidValue);
    CHECK(bias_relu_pool_backward(backward, scratch.get(), test_stream()) == cudaErrorInvalidValue);
  }
  BiasReluPoolBackward args{1, {2, 2, 65}, 2};
  const DeviceArray<float> dbias(65);
  args.dbias = dbias.get();
  CHECK(bias_relu_pool_backward(args, scratch.get(), test_stream()) == cudaErrorInvalidValue);
  Scratch no_counter = scratch.get();
  no_counter.counter_count = 0;
  args.conv_shape.channels = 4;
  CHECK(bias_relu_pool_backward(args, no_counter, test_stream()) == cudaErrorInvalidValue);
}

}  // namespace dropmuon::kernels
