// SPDX-License-Identifier: MIT
// Names of kernels, from the program's own symbol table, and the launch counts kept under them.
#include <cstdlib>
#include <fstream>
#include <map>
#include <vector>

#include <cxxabi.h>
#include <elf.h>
#include <link.h>

#include "simt/internal.h"

namespace simt {
namespace {

std::map<const void*, std::uint64_t> launches;
std::map<std::string, std::uint64_t, std::less<>> library;

std::string demangle(const char* symbol) {
  int status = 0;
  char* text = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
  const std::string result = status == 0 ? text : symbol;
  std::free(text);
  return result;
}

// Address -> mangled name of every function in the program, local ones included.
std::map<std::uintptr_t, std::string> read_symbols() {
  std::map<std::uintptr_t, std::string> names;
  std::uintptr_t base = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* result) {
        *static_cast<std::uintptr_t*>(result) = info->dlpi_addr;
        return 1;  // the first one is the program
      },
      &base);
  std::ifstream file("/proc/self/exe", std::ios::binary);
  const std::vector<char> image((std::istreambuf_iterator<char>(file)), {});
  if (image.size() < sizeof(ElfW(Ehdr))) return names;
  const auto* header = reinterpret_cast<const ElfW(Ehdr)*>(image.data());
  const auto* sections = reinterpret_cast<const ElfW(Shdr)*>(image.data() + header->e_shoff);
  for (int i = 0; i < header->e_shnum; ++i) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    const char* strings = image.data() + sections[sections[i].sh_link].sh_offset;
    const auto* symbols = reinterpret_cast<const ElfW(Sym)*>(image.data() + sections[i].sh_offset);
    for (std::size_t k = 0; k < sections[i].sh_size / sizeof(ElfW(Sym)); ++k) {
      if (ELF64_ST_TYPE(symbols[k].st_info) != STT_FUNC || !symbols[k].st_value) continue;
      names[base + symbols[k].st_value] = strings + symbols[k].st_name;
    }
  }
  return names;
}

}  // namespace

std::string kernel_name(const void* kernel) {
  static const std::map<std::uintptr_t, std::string> names = read_symbols();
  const auto found = names.find(reinterpret_cast<std::uintptr_t>(kernel));
  return found == names.end() ? "unknown" : demangle(found->second.c_str());
}

void count_launch(const void* kernel) { ++launches[kernel]; }
void count_library_call(const char* name) { ++library[name]; }

std::uint64_t kernel_launches(std::string_view name_part) {
  std::uint64_t sum = 0;
  for (const auto& [kernel, count] : launches) {
    if (kernel_name(kernel).find(name_part) != std::string::npos) sum += count;
  }
  return sum;
}
std::uint64_t library_calls(std::string_view name) {
  const auto found = library.find(name);
  return found == library.end() ? 0 : found->second;
}
void clear_counts() {
  launches.clear();
  library.clear();
}

}  // namespace simt
