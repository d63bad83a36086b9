// SPDX-License-Identifier: MIT
#include "device.h"

#include <fstream>

#include <fmt/format.h>

#include "check.h"
#include "kernels/kernel_image.h"
#include "make_backend.h"
#include <dropmuon/core/text.h>

namespace dropmuon::cuda {
namespace {

constexpr int kOldestMajor = 8;  // bf16 tensor cores

struct GpuCount {
  int count = 0;
  std::string problem;  // "" if there is at least one
};

// Without a driver, without a board, or with a broken driver: all normal states of a machine.
GpuCount count_gpus() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) {
    cudaGetLastError();  // forget it: this program may go on without a GPU
    int driver = 0;
    if (cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0) {
      return {0, "no usable GPU: no NVIDIA driver is installed"};
    }
    return {0, fmt::format("no usable GPU: {} ({})", cudaGetErrorString(status),
                           cudaGetErrorName(status))};
  }
  if (count == 0) return {0, "this machine has no GPU"};
  return {count, ""};
}

std::string cudnn_version() {
  const std::size_t version = cudnnGetVersion();
  const std::size_t major = version >= 90000 ? 10000 : 1000;
  return fmt::format("{}.{}.{}", version / major, version % major / 100, version % 100);
}

std::string cublas_version() {
  int major = 0;
  int minor = 0;
  int patch = 0;
  DM_CUBLAS(cublasGetProperty(MAJOR_VERSION, &major));
  DM_CUBLAS(cublasGetProperty(MINOR_VERSION, &minor));
  DM_CUBLAS(cublasGetProperty(PATCH_LEVEL, &patch));
  return fmt::format("{}.{}.{}", major, minor, patch);
}

}  // namespace

std::string version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

Gpu query_gpu(int index) {
  cudaDeviceProp properties{};
  DM_CUDA(cudaGetDeviceProperties(&properties, index));
  return {.name = properties.name,
          .major = properties.major,
          .minor = properties.minor,
          .multiprocessors = properties.multiProcessorCount,
          .memory_bytes = properties.totalGlobalMem};
}

std::string unavailable_reason(int index) {
  const GpuCount gpus = count_gpus();
  if (!gpus.problem.empty()) return gpus.problem;
  if (index >= gpus.count) {
    return fmt::format("this machine has {} GPU{}, counted from 0", gpus.count,
                       gpus.count == 1 ? "" : "s");
  }
  const Gpu gpu = query_gpu(index);
  if (gpu.major < kOldestMajor) {
    return fmt::format("{} has compute capability {}.{}, and {}.0 is needed", gpu.name, gpu.major,
                       gpu.minor, kOldestMajor);
  }
  // A board may be there and yet refuse: in exclusive use, full, or broken.
  if (const cudaError_t status = cudaSetDevice(index); status != cudaSuccess) {
    cudaGetLastError();
    return fmt::format("{} cannot be used: {}", gpu.name, cudaGetErrorString(status));
  }
  const cudaError_t status = kernels::find_kernel_image();
  if (status == cudaSuccess) return "";
  cudaGetLastError();
  return fmt::format("this program has no kernels for {} (compute capability {}.{}): {}", gpu.name,
                     gpu.major, gpu.minor, cudaGetErrorString(status));
}

std::vector<std::string> describe_devices() {
  const GpuCount gpus = count_gpus();
  if (!gpus.problem.empty()) return {"not available: " + gpus.problem};
  std::vector<std::string> lines;
  for (int i = 0; i < gpus.count; ++i) {
    const Gpu gpu = query_gpu(i);
    const std::string reason = unavailable_reason(i);
    lines.push_back(fmt::format("cuda:{} {}, {} multiprocessors, {}, compute capability {}.{}{}", i,
                                gpu.name, gpu.multiprocessors,
                                human_bytes(static_cast<double>(gpu.memory_bytes)), gpu.major,
                                gpu.minor, reason.empty() ? "" : "; not usable: " + reason));
  }
  return lines;
}

// "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  ..." -> "580.65.06"
std::string driver_version(int cuda_version) {
  if (cuda_version == 0) return "none";
  std::ifstream file("/proc/driver/nvidia/version");
  for (std::string word; file >> word;) {
    const bool number = word.find_first_not_of("0123456789.") == std::string::npos;
    if (number && word.find('.') != std::string::npos) {
      return fmt::format("{} (up to CUDA {})", word, version_text(cuda_version));
    }
  }
  return "up to CUDA " + version_text(cuda_version);
}

std::vector<std::pair<std::string, std::string>> library_versions() {
  int runtime = 0;
  int driver = 0;
  DM_CUDA(cudaRuntimeGetVersion(&runtime));
  DM_CUDA(cudaDriverGetVersion(&driver));  // 0: none is installed
  return {{"CUDA driver", driver_version(driver)},
          {"CUDA runtime", version_text(runtime)},
          {"cuBLAS", cublas_version()},
          {"cuDNN", cudnn_version()}};
}

}  // namespace dropmuon::cuda
