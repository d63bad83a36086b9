// SPDX-License-Identifier: MIT
// Device memory: one arena, filled with NaN when handed out, with red zones for AddressSanitizer.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include <sys/mman.h>

#include "simt/fibre.h"
#include "simt/internal.h"
#include "simt/standin.h"

namespace simt {

namespace {

// In huge pages: guard mode changes the protection of all of it around every launch.
char* map_arena() {
  void* arena = mmap(nullptr, kDeviceArena, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  madvise(arena, kDeviceArena, MADV_HUGEPAGE);
  return static_cast<char*>(arena);
}

}  // namespace

char* const device_arena = map_arena();

namespace {

std::map<char*, std::size_t> live;   // start -> size asked for
std::map<char*, std::size_t> holes;  // start -> padded size
std::map<const char*, std::size_t> pinned;
char* arena_top = device_arena;
std::size_t bytes_live = 0;

std::size_t read_limit() {
  const char* text = std::getenv("SIMT_MALLOC_LIMIT");
  return text ? std::size_t(std::strtoull(text, nullptr, 10)) : 0;
}
std::size_t malloc_limit = read_limit();

bool guard_on = std::getenv("SIMT_GUARD") != nullptr;
int open_accesses = 0;

void protect(int protection) {
  if (arena_top == device_arena) return;
  mprotect(device_arena, (std::size_t(arena_top - device_arena) + 4095) & ~std::size_t(4095),
           protection);
}

// At least 64 bytes of red zone behind every allocation.
std::size_t padded(std::size_t bytes) { return (bytes + 64 + 255) / 256 * 256; }

char* find_room(std::size_t size) {
  for (auto hole = holes.begin(); hole != holes.end(); ++hole) {
    if (hole->second < size) continue;
    char* start = hole->first;
    const std::size_t rest = hole->second - size;
    holes.erase(hole);
    if (rest) holes[start + size] = rest;
    return start;
  }
  if (std::size_t(arena_top - device_arena) + size > kDeviceArena) return nullptr;
  char* start = arena_top;
  arena_top += size;
  if (guard_on) protect(PROT_READ | PROT_WRITE);
  return start;
}

bool is_pinned(const void* memory) {
  const char* p = static_cast<const char*>(memory);
  auto after = pinned.upper_bound(p);
  return after != pinned.begin() && p < (--after)->first + after->second;
}

bool inside_allocation(const void* memory, std::size_t bytes) {
  char* p = const_cast<char*>(static_cast<const char*>(memory));
  auto after = live.upper_bound(p);
  return after != live.begin() && p + bytes <= (--after)->first + after->second;
}

cudaError_t check_range(const void* memory, std::size_t bytes, const char* call) {
  if (!is_device(memory) || inside_allocation(memory, bytes)) return cudaSuccess;
  fail(std::string(call) + ": " + std::to_string(bytes) + " bytes do not lie in one allocation");
  return cudaErrorInvalidValue;
}

cudaError_t check_copy(const void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (!bytes) return cudaSuccess;
  if (!to || !from) return cudaErrorInvalidValue;
  const bool to_device = is_device(to);
  const bool from_device = is_device(from);
  const bool wrong = (kind == cudaMemcpyHostToDevice && !(to_device && !from_device)) ||
                     (kind == cudaMemcpyDeviceToHost && !(!to_device && from_device)) ||
                     (kind == cudaMemcpyDeviceToDevice && !(to_device && from_device)) ||
                     (kind == cudaMemcpyHostToHost && (to_device || from_device));
  if (wrong) {
    fail("cudaMemcpy: the kind does not match its pointers");
    return cudaErrorInvalidValue;
  }
  if (const auto error = check_range(to, bytes, "cudaMemcpy")) return error;
  return check_range(from, bytes, "cudaMemcpy");
}

}  // namespace

DeviceAccess::DeviceAccess() {
  if (guard_on && open_accesses++ == 0) protect(PROT_READ | PROT_WRITE);
}
DeviceAccess::~DeviceAccess() {
  if (guard_on && --open_accesses == 0) protect(PROT_NONE);
}
void set_guard(bool guard) {
  protect(guard ? PROT_NONE : PROT_READ | PROT_WRITE);
  guard_on = guard;
}
bool guarded() { return guard_on; }
bool valid_device_range(const void* memory, std::size_t bytes) {
  return !bytes || (memory && is_device(memory) && inside_allocation(memory, bytes));
}
void set_malloc_limit(std::size_t bytes) { malloc_limit = bytes; }
std::size_t live_allocations() { return live.size(); }
std::size_t live_bytes() { return bytes_live; }

}  // namespace simt

using namespace simt;

extern "C" {

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  const Lock lock(runtime_mutex);
  if (!memory) return keep_error(cudaErrorInvalidValue);
  *memory = nullptr;
  if (const auto error = forbid_in_capture("cudaMalloc")) return error;
  if (sticky_error) return keep_error(sticky_error);
  if (!bytes) return cudaSuccess;
  if (bytes > kDeviceArena || (malloc_limit && bytes_live + bytes > malloc_limit)) {
    return keep_error(cudaErrorMemoryAllocation);
  }
  const DeviceAccess access;
  const std::size_t size = padded(bytes);
  char* start = find_room(size);
  if (!start) return keep_error(cudaErrorMemoryAllocation);
  poison(start, size);
  unpoison(start, bytes);
  std::memset(start, 0xff, bytes);  // NaN: use before write shows
  live[start] = bytes;
  bytes_live += bytes;
  *memory = start;
  return cudaSuccess;
}

cudaError_t cudaFree(void* memory) {
  const Lock lock(runtime_mutex);
  if (!memory) return cudaSuccess;
  if (const auto error = forbid_in_capture("cudaFree")) return error;
  drain_all();  // cudaFree waits for the device
  const auto found = live.find(static_cast<char*>(memory));
  if (found == live.end()) {
    fail("cudaFree of a pointer that is not live");
    return keep_error(cudaErrorInvalidValue);
  }
  const std::size_t size = padded(found->second);
  bytes_live -= found->second;
  live.erase(found);
  poison(memory, size);
  auto hole = holes.emplace(static_cast<char*>(memory), size).first;
  const auto next = std::next(hole);
  if (next != holes.end() && hole->first + hole->second == next->first) {
    hole->second += next->second;
    holes.erase(next);
  }
  if (hole != holes.begin()) {
    const auto before = std::prev(hole);
    if (before->first + before->second == hole->first) {
      before->second += hole->second;
      holes.erase(hole);
    }
  }
  return keep_error(sticky_error);
}

cudaError_t cudaHostAlloc(void** memory, std::size_t bytes, unsigned) {
  const Lock lock(runtime_mutex);
  if (!memory) return keep_error(cudaErrorInvalidValue);
  *memory = nullptr;
  if (const auto error = forbid_in_capture("cudaHostAlloc")) return error;
  if (!bytes) return cudaSuccess;
  *memory = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (!*memory) return keep_error(cudaErrorMemoryAllocation);
  pinned[static_cast<char*>(*memory)] = bytes;
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
  return cudaHostAlloc(memory, bytes, cudaHostAllocDefault);
}
cudaError_t cudaFreeHost(void* memory) {
  const Lock lock(runtime_mutex);
  if (!memory) return cudaSuccess;
  if (const auto error = forbid_in_capture("cudaFreeHost")) return error;
  drain_all();
  if (!pinned.erase(static_cast<char*>(memory))) {
    fail("cudaFreeHost of memory that is not pinned");
    return keep_error(cudaErrorInvalidValue);
  }
  std::free(memory);
  return cudaSuccess;
}

// From pageable host memory the bytes are staged at the call; to it, the call returns after the
// copy. Pinned memory is read and written when the stream gets there. Neither kind of pageable
// copy may be captured: a graph would keep pointing at memory that nobody promised to keep.
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const Lock lock(runtime_mutex);
  if (const auto error = check_copy(to, from, bytes, kind)) return keep_error(error);
  if (!bytes) return cudaSuccess;
  const bool pageable_source = !is_device(from) && !is_pinned(from);
  const bool pageable_target = !is_device(to) && !is_pinned(to);
  if ((pageable_source || pageable_target) && is_capturing(stream)) {
    return forbid_in_capture("cudaMemcpyAsync of pageable memory");
  }
  std::shared_ptr<std::vector<char>> staged;
  if (pageable_source) {
    const auto* source = static_cast<const char*>(from);
    staged = std::make_shared<std::vector<char>>(source, source + bytes);
  }
  const auto result = enqueue(
      stream,
      [=] {
        const DeviceAccess access;
        const void* source = staged ? staged->data() : from;
        if (const auto error = check_range(to, bytes, "cudaMemcpyAsync")) return error;
        if (const auto error = check_range(from, bytes, "cudaMemcpyAsync")) return error;
        std::memmove(to, source, bytes);
        return cudaSuccess;
      },
      cudaGraphNodeTypeMemcpy);
  if (result != cudaSuccess || !pageable_target) return result;
  drain_stream(stream);
  return keep_error(sticky_error);
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  const Lock lock(runtime_mutex);
  if (const auto error = forbid_in_capture("cudaMemcpy")) return error;
  if (const auto error = check_copy(to, from, bytes, kind)) return keep_error(error);
  drain_all();
  if (sticky_error) return keep_error(sticky_error);
  const DeviceAccess access;
  if (bytes) std::memmove(to, from, bytes);
  return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t stream) {
  const Lock lock(runtime_mutex);
  if (!bytes) return cudaSuccess;
  if (!is_device(memory)) return keep_error(cudaErrorInvalidValue);
  if (const auto error = check_range(memory, bytes, "cudaMemset")) return keep_error(error);
  return enqueue(
      stream,
      [=] {
        const DeviceAccess access;
        if (const auto error = check_range(memory, bytes, "cudaMemsetAsync")) return error;
        std::memset(memory, value, bytes);
        return cudaSuccess;
      },
      cudaGraphNodeTypeMemset);
}
cudaError_t cudaMemset(void* memory, int value, std::size_t bytes) {
  const Lock lock(runtime_mutex);
  if (const auto error = forbid_in_capture("cudaMemset")) return error;
  return cudaMemsetAsync(memory, value, bytes, nullptr);
}

cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total) {
  const Lock lock(runtime_mutex);
  *total = malloc_limit && malloc_limit < kDeviceArena ? malloc_limit : kDeviceArena;
  *free_bytes = *total > bytes_live ? *total - bytes_live : 0;
  return cudaSuccess;
}

}  // extern "C"
