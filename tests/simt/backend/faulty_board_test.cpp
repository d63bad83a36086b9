// SPDX-License-Identifier: MIT
// Boards that are there and cannot be used, as only the harness can imitate them.
#include <algorithm>

#include "catch.h"
#include "compare.h"
#include "devices.h"
#include "program.h"
#include <dropmuon/core/error.h>

using namespace dropmuon;

namespace {

struct Fault {
  const char* name;
  const char* says;
};
constexpr Fault kFaults[] = {
    {"busy", "cannot be used"}, {"old", "compute capability 7.5"}, {"image", "has no kernels for"}};

}  // namespace

TEST_CASE("a board that cannot be used is refused in one line, and auto takes the CPU", "[cuda]") {
  const Sandbox sandbox;
  for (const Fault& fault : kFaults) {
    const std::string program_here = fmt::format("SIMT_FAULT={} {} ", fault.name, program());
    const std::string train = program_here + "train " + sandbox.config() + " train.max_steps=1 ";
    const Outcome refused = run_script(train + "device=cuda");
    CAPTURE(fault.name, refused.output);
    CHECK(refused.code == 69);
    CHECK_THAT(refused.output, Catch::Contains(fault.says));
    CHECK(std::count(refused.output.begin(), refused.output.end(), '\n') == 1);
    const Outcome automatic = run_script(train + "device=auto");
    CAPTURE(automatic.output);
    CHECK(automatic.code == 0);
    CHECK_THAT(automatic.output,
               Catch::Contains("auto takes the CPU") && Catch::Contains(fault.says));
    const Outcome info = run_script(program_here + "info");
    CHECK(info.code == 0);
    CHECK_THAT(info.output, Catch::Contains("not usable") && Catch::Contains(fault.says));
  }
}

TEST_CASE("a pass that cuDNN lacks stops only who asks for it", "[cuda]") {
  // The stand-in has no data gradient for a single bf16 channel.
  const auto backend = on_cuda(true, Precision::bf16);
  const auto conv = backend->make_conv2d({.input = {6, 6, 1}, .out_channels = 8});
  conv->prepare(2);
  const Buffer<float> x(*backend, 2 * 6 * 6);
  const Buffer<float> y(*backend, 2 * 6 * 6 * 8);
  const Buffer<float> w(*backend, 8 * 9);
  backend->zero(x.data(), x.bytes());
  backend->zero(w.data(), w.bytes());
  conv->load_filter(w.data());
  conv->forward(2, x.data(), y.data());
  conv->backward_filter(2, x.data(), y.data(), GradMode::overwrite);
  CHECK_THROWS_WITH(conv->backward_input(2, y.data(), x.data()),
                    Catch::Contains("no deterministic data gradient"));
}

TEST_CASE("a batch beyond cuDNN's 2^31 elements names the key that helps", "[cuda]") {
  const auto backend = on_cuda();
  const auto conv = backend->make_conv2d({.input = {512, 512, 1}, .out_channels = 64});
  CHECK_THROWS_WITH(conv->prepare(128), Catch::Contains("train.micro_batch"));
  CHECK_NOTHROW(conv->prepare(127));
}
