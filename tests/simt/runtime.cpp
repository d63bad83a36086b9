// SPDX-License-Identifier: MIT
// Device queries, kernel attributes and errors. The device has the limits of an H100.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>

#include <cuda_profiler_api.h>

#include "simt/internal.h"

namespace simt {
namespace {

cudaError_t last_error = cudaSuccess;
std::map<const void*, int> dynamic_limits;
constexpr int kProcessors = 132;
constexpr int kThreadsPerProcessor = 2048;
constexpr int kBlocksPerProcessor = 32;
constexpr std::size_t kSharedPerProcessor = 228 << 10;
constexpr int kMajor = 9;
constexpr int kMinor = 0;

// SIMT_FAULT: what is wrong with the board.
bool has_fault(const char* name) {
  const char* fault = std::getenv("SIMT_FAULT");
  return fault != nullptr && std::strcmp(fault, name) == 0;
}
bool no_device() { return std::getenv("SIMT_NO_DEVICE") != nullptr; }
cudaError_t check_device(int device) {
  if (no_device()) return keep_error(cudaErrorInsufficientDriver);
  return device == 0 ? cudaSuccess : keep_error(cudaErrorInvalidDevice);
}

}  // namespace

cudaError_t keep_error(cudaError_t error) {
  if (error) last_error = error;
  return error;
}

std::size_t dynamic_shared_limit(const void* kernel) {
  const auto found = dynamic_limits.find(kernel);
  return found == dynamic_limits.end() ? kStaticSharedLimit : std::size_t(found->second);
}

}  // namespace simt

using namespace simt;

extern "C" {

// ----------------------------------------------------------------- devices
cudaError_t cudaGetDeviceCount(int* count) {
  *count = no_device() ? 0 : 1;
  return no_device() ? keep_error(cudaErrorInsufficientDriver) : cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  if (has_fault("busy")) return keep_error(cudaErrorDevicesUnavailable);
  return check_device(device);
}
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return check_device(0);
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (const auto error = check_device(device)) return error;
  cudaDeviceProp p;
  std::memset(static_cast<void*>(&p), 0, sizeof p);
  std::strcpy(p.name, "host SIMT harness");
  p.totalGlobalMem = kDeviceArena;
  p.sharedMemPerBlock = kStaticSharedLimit;
  p.sharedMemPerBlockOptin = kSharedPerBlock;
  p.sharedMemPerMultiprocessor = kSharedPerProcessor;
  p.reservedSharedMemPerBlock = 1024;
  p.regsPerBlock = p.regsPerMultiprocessor = 65536;
  p.warpSize = 32;
  p.memPitch = 0x7fffffff;
  p.maxThreadsPerBlock = 1024;
  p.maxThreadsDim[0] = p.maxThreadsDim[1] = 1024;
  p.maxThreadsDim[2] = 64;
  p.maxGridSize[0] = 0x7fffffff;
  p.maxGridSize[1] = p.maxGridSize[2] = 65535;
  p.totalConstMem = 65536;
  p.major = has_fault("old") ? 7 : kMajor;
  p.minor = has_fault("old") ? 5 : kMinor;
  p.textureAlignment = 512;
  p.multiProcessorCount = kProcessors;
  p.maxThreadsPerMultiProcessor = kThreadsPerProcessor;
  p.maxBlocksPerMultiProcessor = kBlocksPerProcessor;
  p.unifiedAddressing = 1;
  p.concurrentKernels = 1;
  p.asyncEngineCount = 3;
  p.memoryBusWidth = 5120;
  p.l2CacheSize = 50 << 20;
  p.streamPrioritiesSupported = 1;
  p.globalL1CacheSupported = p.localL1CacheSupported = 1;
  p.canMapHostMemory = 1;
  p.cooperativeLaunch = 0;
  *properties = p;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (const auto error = check_device(device)) return error;
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      *value = 1024;
      break;
    case cudaDevAttrMaxBlockDimX:
    case cudaDevAttrMaxBlockDimY:
      *value = 1024;
      break;
    case cudaDevAttrMaxBlockDimZ:
      *value = 64;
      break;
    case cudaDevAttrMaxGridDimX:
      *value = 0x7fffffff;
      break;
    case cudaDevAttrMaxGridDimY:
    case cudaDevAttrMaxGridDimZ:
      *value = 65535;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = int(kStaticSharedLimit);
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = int(kSharedPerBlock);
      break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = int(kSharedPerProcessor);
      break;
    case cudaDevAttrReservedSharedMemoryPerBlock:
      *value = 1024;
      break;
    case cudaDevAttrWarpSize:
      *value = 32;
      break;
    case cudaDevAttrMaxRegistersPerBlock:
    case cudaDevAttrMaxRegistersPerMultiprocessor:
      *value = 65536;
      break;
    case cudaDevAttrMultiProcessorCount:
      *value = kProcessors;
      break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = kThreadsPerProcessor;
      break;
    case cudaDevAttrMaxBlocksPerMultiprocessor:
      *value = kBlocksPerProcessor;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = kMajor;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = kMinor;
      break;
    case cudaDevAttrClockRate:
      *value = 1'000'000;
      break;
    case cudaDevAttrMemoryClockRate:
      *value = 1'000'000;
      break;
    case cudaDevAttrGlobalMemoryBusWidth:
      *value = 5120;
      break;
    case cudaDevAttrL2CacheSize:
      *value = 50 << 20;
      break;
    case cudaDevAttrConcurrentKernels:
    case cudaDevAttrUnifiedAddressing:
      *value = 1;
      break;
    case cudaDevAttrAsyncEngineCount:
      *value = 3;
      break;
    case cudaDevAttrTotalConstantMemory:
      *value = 65536;
      break;
    case cudaDevAttrIntegrated:
    case cudaDevAttrManagedMemory:
    case cudaDevAttrCooperativeLaunch:
    case cudaDevAttrMemoryPoolsSupported:
      *value = 0;
      break;
    default:
      return keep_error(cudaErrorInvalidValue);
  }
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = no_device() ? 0 : CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaProfilerStart() { return cudaSuccess; }
cudaError_t cudaProfilerStop() { return cudaSuccess; }

// ----------------------------------------------------------------- kernels
cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  const Lock lock(runtime_mutex);
  if (!kernel) return keep_error(cudaErrorInvalidDeviceFunction);
  if (attribute == cudaFuncAttributePreferredSharedMemoryCarveout) return cudaSuccess;
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 ||
      std::size_t(value) > kSharedPerBlock) {
    return keep_error(cudaErrorInvalidValue);
  }
  dynamic_limits[kernel] = value;
  return cudaSuccess;
}
// Registers and static shared memory are unknown here: plausible values.
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel) {
  const Lock lock(runtime_mutex);
  if (!attributes || !kernel) return keep_error(cudaErrorInvalidDeviceFunction);
  if (has_fault("image")) return keep_error(cudaErrorNoKernelImageForDevice);
  std::memset(static_cast<void*>(attributes), 0, sizeof *attributes);
  attributes->maxThreadsPerBlock = 1024;
  attributes->numRegs = 32;
  attributes->ptxVersion = attributes->binaryVersion = kMajor * 10 + kMinor;
  attributes->maxDynamicSharedSizeBytes = int(dynamic_shared_limit(kernel));
  return cudaSuccess;
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* kernel,
                                                          int block_size, std::size_t shared) {
  const Lock lock(runtime_mutex);
  if (!blocks || block_size <= 0) return keep_error(cudaErrorInvalidValue);
  if (!kernel) return keep_error(cudaErrorInvalidDeviceFunction);
  if (block_size > 1024 || shared > dynamic_shared_limit(kernel)) {
    *blocks = 0;
    return cudaSuccess;
  }
  const int by_threads = kThreadsPerProcessor / ((block_size + 31) / 32 * 32);
  const int by_shared = int(kSharedPerProcessor / (shared + 1024));
  *blocks = std::min({by_threads, by_shared, kBlocksPerProcessor});
  return cudaSuccess;
}

// ----------------------------------------------------------------- errors
cudaError_t cudaGetLastError() {
  const cudaError_t error = sticky_error ? sticky_error : last_error;
  last_error = cudaSuccess;
  return error;
}
cudaError_t cudaPeekAtLastError() { return sticky_error ? sticky_error : last_error; }

}  // extern "C"
