// SPDX-License-Identifier: MIT
#include <algorithm>

#include "cpu/cpu_backend.h"
#include <dropmuon/backend/factory.h>
#include <dropmuon/core/error.h>
#include <dropmuon/core/log.h>
#include <dropmuon/core/suggest.h>

namespace dropmuon {
namespace {

constexpr const char* kNoCuda = "this program was built without the CUDA backend";

std::unique_ptr<Backend> make_cpu(const DeviceRequest& request) {
  if (request.precision != Precision::fp32) {
    fail(ExitCode::bad_config,
         "precision: the CPU computes in fp32 only; tf32 and bf16 need a CUDA device");
  }
  return std::make_unique<cpu::CpuBackend>(request.threads);
}

}  // namespace

std::vector<std::string> device_names() { return {"auto", "cpu", "cuda"}; }

std::string device_name_error(const std::string& device) {
  const std::vector<std::string> names = device_names();
  if (std::find(names.begin(), names.end(), device) != names.end()) return "";
  if (device.starts_with("cuda:") && device.size() > 5 && device.size() < 9 &&
      device.find_first_not_of("0123456789", 5) == std::string::npos) {
    return "";
  }
  return fmt::format("expected auto, cpu, cuda or cuda:N, found '{}'{}", device,
                     did_you_mean(device, names));
}

std::unique_ptr<Backend> make_backend(const DeviceRequest& request) {
  if (request.device.starts_with("cuda")) {
    fail(ExitCode::no_device, "device: {} was asked for, but {}; use device: cpu or auto",
         request.device, kNoCuda);
  }
  if (request.device == "auto") log::info("device: auto takes the CPU ({})", kNoCuda);
  return make_cpu(request);
}

std::vector<std::string> describe_devices() {
  const DeviceInfo cpu = cpu::CpuBackend(0).info();
  return {fmt::format("cpu   {} ({} threads)", cpu.name, cpu.threads),
          fmt::format("cuda  not available: {}", kNoCuda)};
}

}  // namespace dropmuon
