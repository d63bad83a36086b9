// SPDX-License-Identifier: MIT
#include "kernels/average_pool.h"

#include "compare.h"
#include "device_array.h"

namespace dropmuon::kernels {
namespace {

struct Case {
  int n, height, width, channels;
  std::size_t offset = 0;
};

const std::vector<Case> kCases = {{1, 1, 1, 1},  {3, 4, 4, 31},    {2, 5, 7, 33},
                                  {7, 8, 8, 64}, {2, 3, 3, 8, 1},  {1, 31, 33, 4},
                                  {5, 1, 9, 12}, {700, 2, 2, 200}, {1, 3, 1, 2}};

// A block's threads with one value each: 255, 256, 257 outputs forward and backward. With four
// channels each: 1020, 1024, 1028 values backward. 1023 and 1025 are four blocks of single ones.
const std::vector<Case> kAroundBlock = {
    {5, 2, 2, 51},  {4, 1, 3, 64},   {1, 2, 1, 257},  {5, 1, 1, 51},   {4, 1, 1, 64, 1},
    {1, 1, 1, 257}, {5, 1, 3, 68},   {4, 2, 2, 64},   {1, 1, 1, 1028}, {3, 1, 11, 31},
    {5, 1, 5, 41},  {1, 2, 2, 1023}, {1, 2, 2, 1024}, {1, 2, 2, 1025}};

void check(const Case& c) {
  CAPTURE(c.n, c.height, c.width, c.channels, c.offset);
  const auto pixels = static_cast<std::size_t>(c.height) * c.width;
  const auto channels = static_cast<std::size_t>(c.channels);
  const std::size_t size = c.n * pixels * channels;
  const std::vector<float> image = random_floats(size, 1);
  std::vector<double> mean(c.n * channels, 0.0);
  for (std::size_t i = 0; i < size; ++i) {
    mean[i / (pixels * channels) * channels + i % channels] += image[i] / double(pixels);
  }
  const DeviceArray<float> device_image(image, c.offset), pooled(c.n * channels, c.offset);
  finish(average_pool_forward(
      {c.n, {c.height, c.width, c.channels}, device_image.get(), pooled.get()}, test_stream()));
  const std::vector<float> found = pooled.host();
  CHECK(relative_error(found, mean) < 1e-6);
  CHECK(same_bytes(device_image.host(), image));

  const DeviceArray<float> gradient(size, c.offset);
  finish(average_pool_backward({c.n, {c.height, c.width, c.channels}, gradient.get(), pooled.get()},
                               test_stream()));
  std::vector<float> expected(size);
  for (std::size_t i = 0; i < size; ++i) {
    expected[i] =
        found[i / (pixels * channels) * channels + i % channels] / static_cast<float>(pixels);
  }
  CHECK(relative_error(gradient.host(), widen(expected)) < 1e-7);
  CHECK(same_bytes(pooled.host(), found));
}

}  // namespace

TEST_CASE("average_pool forward and backward agree with the scalar loops") {
  for (const Case& c : kCases) check(c);
}

TEST_CASE("average_pool reaches the last value of sizes around that of a block") {
  for (const Case& c : kAroundBlock) check(c);
}

TEST_CASE("average_pool refuses empty shapes") {
  for (const Case& c :
       std::vector<Case>{{0, 1, 1, 1}, {1, 0, 1, 1}, {1, 1, 0, 1}, {1, 1, 1, 0}, {-1, 1, 1, 1}}) {
    const AveragePool args{c.n, {c.height, c.width, c.channels}, nullptr, nullptr};
    CHECK(average_pool_forward(args, test_stream()) == cudaErrorInvalidValue);
    CHECK(average_pool_backward(args, test_stream()) == cudaErrorInvalidValue);
  }
}

}  // namespace dropmuon::kernels
