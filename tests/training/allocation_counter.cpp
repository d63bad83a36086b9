// SPDX-License-Identifier: MIT
#include "allocation_counter.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <new>
#include <string_view>
#include <utility>

#include <cxxabi.h>
#include <elf.h>
#include <execinfo.h>
#include <link.h>

namespace dropmuon::allocations {

// aside: the harness, and the thread that looks whether neighbours want the processors.
enum class Owner { ours, standard_library, aside, other_library };

// A function of this program, from its own symbol table.
struct Function {
  std::uintptr_t begin = 0;
  const char* name = nullptr;  // mangled
  Owner owner = Owner::ours;
};

struct Range {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  bool contains(std::uintptr_t address) const { return address >= begin && address < end; }
};

constexpr int kFrames = 48;
constexpr std::size_t kMostNoted = 256;

std::vector<char> image;          // of the program's file
std::vector<Function> functions;  // by address
Range program;
std::uintptr_t program_base = 0;
Range standard_library;
std::atomic<bool> counting{false};
std::atomic<std::size_t> count{0};
std::array<const char*, kMostNoted> noted{};
thread_local bool noting = false;  // backtrace() may allocate, too

Owner owner_of(std::string_view name) {
  for (const char* part : {"cuda", "cublas", "cudnn", "simt_", "_Z6launchI"}) {
    if (name.starts_with(part)) return Owner::aside;
  }
  for (const char* part : {"4simt", "12SpinThrottle"}) {
    if (name.find(part) != std::string_view::npos) return Owner::aside;
  }
  for (const char* part : {"_ZNSt", "_ZNKSt", "_ZSt", "_ZN9__gnu_cxx", "_ZNK9__gnu_cxx", "_Zn"}) {
    if (name.starts_with(part)) return Owner::standard_library;
  }
  return Owner::ours;
}

int look_at_module(dl_phdr_info* info, std::size_t /*size*/, void* is_first) {
  Range range{UINTPTR_MAX, 0};
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = info->dlpi_phdr[i];
    if (part.p_type != PT_LOAD) continue;
    range.begin = std::min<std::uintptr_t>(range.begin, info->dlpi_addr + part.p_vaddr);
    range.end = std::max<std::uintptr_t>(range.end, info->dlpi_addr + part.p_vaddr + part.p_memsz);
  }
  if (std::exchange(*static_cast<bool*>(is_first), false)) {  // the program itself
    program = range;
    program_base = info->dlpi_addr;
  } else if (std::strstr(info->dlpi_name, "libstdc++") != nullptr) {
    standard_library = range;
  }
  return 0;
}

void read_functions() {
  if (!functions.empty()) return;
  bool is_first = true;
  dl_iterate_phdr(look_at_module, &is_first);
  std::ifstream file("/proc/self/exe", std::ios::binary);
  image.assign(std::istreambuf_iterator<char>(file), {});
  const auto* header = reinterpret_cast<const ElfW(Ehdr)*>(image.data());
  const auto* sections = reinterpret_cast<const ElfW(Shdr)*>(image.data() + header->e_shoff);
  for (int i = 0; i < header->e_shnum; ++i) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    const char* names = image.data() + sections[sections[i].sh_link].sh_offset;
    const auto* symbols = reinterpret_cast<const ElfW(Sym)*>(image.data() + sections[i].sh_offset);
    for (std::size_t k = 0; k < sections[i].sh_size / sizeof(ElfW(Sym)); ++k) {
      if (ELF64_ST_TYPE(symbols[k].st_info) != STT_FUNC || symbols[k].st_value == 0) continue;
      const char* name = names + symbols[k].st_name;
      functions.push_back({program_base + symbols[k].st_value, name, owner_of(name)});
    }
  }
  std::ranges::sort(functions, {}, &Function::begin);
}

Function function_at(const void* address) {
  const auto place = reinterpret_cast<std::uintptr_t>(address) - 1;  // within the call
  if (standard_library.contains(place)) return {.owner = Owner::standard_library};
  if (!program.contains(place)) return {.owner = Owner::other_library};
  const auto behind = std::ranges::upper_bound(functions, place, {}, &Function::begin);
  return behind == functions.begin() ? Function{.owner = Owner::other_library} : *std::prev(behind);
}

// The function that asked if it is ours, else null.
const char* who_asked(void* const* frames, int depth, const void* caller) {
  const char* name = nullptr;
  for (int i = static_cast<int>(std::find(frames, frames + depth, caller) - frames); i < depth;
       ++i) {
    const Function function = function_at(frames[i]);
    if (function.owner == Owner::aside) return nullptr;
    if (name != nullptr || function.owner == Owner::standard_library) continue;
    if (function.owner == Owner::other_library) return nullptr;
    name = function.name;
  }
  return name;
}

// caller: where operator new returns to.
void note(const void* caller) {
  if (!counting.load() || noting) return;
  noting = true;
  std::array<void*, kFrames> frames{};
  const int depth = backtrace(frames.data(), kFrames);
  if (const char* name = who_asked(frames.data(), depth, caller)) {
    const std::size_t number = count.fetch_add(1);
    if (number < kMostNoted) noted[number] = name;
  }
  noting = false;
}

std::string readable(const char* name) {
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  const std::string result = status == 0 ? text : name;
  std::free(text);
  return result;
}

}  // namespace dropmuon::allocations

namespace dropmuon {

AllocationCounter::AllocationCounter() {
  allocations::read_functions();
  void* unused = nullptr;
  backtrace(&unused, 1);  // loads what it needs
  allocations::count = 0;
  allocations::counting = true;
}

std::vector<std::string> AllocationCounter::stop() {
  allocations::counting = false;
  std::vector<std::string> names;
  const std::size_t known = std::min(allocations::count.load(), allocations::kMostNoted);
  for (std::size_t i = 0; i < known; ++i) {
    names.push_back(allocations::readable(allocations::noted[i]));
  }
  return names;
}

}  // namespace dropmuon

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DROPMUON_SANITIZED
#elif defined(__has_feature)  // clang's way to say it
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define DROPMUON_SANITIZED
#endif
#endif

#ifdef DROPMUON_SANITIZED
bool dropmuon::AllocationCounter::works() { return false; }
#else
bool dropmuon::AllocationCounter::works() { return true; }

// The forms for arrays and those that do not throw call these.
void* operator new(std::size_t size) {
  dropmuon::allocations::note(__builtin_return_address(0));
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  dropmuon::allocations::note(__builtin_return_address(0));
  const auto step = static_cast<std::size_t>(alignment);
  void* const memory = std::aligned_alloc(step, (std::max(size, step) + step - 1) / step * step);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
#endif
