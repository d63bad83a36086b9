// SPDX-License-Identifier: MIT
#include <algorithm>
#include <fstream>
#include <tuple>

#include "pool.h"
#include <dropmuon/backend/factory.h>
#include <dropmuon/core/error.h>

namespace dropmuon {
namespace {

// 0 where the kernel does not tell.
int topology(int cpu, const char* name) {
  std::ifstream file(fmt::format("/sys/devices/system/cpu/cpu{}/topology/{}", cpu, name));
  int value = 0;
  file >> value;
  return value;
}

}  // namespace

std::vector<int> usable_cpus() {
  auto [cpus, paid] = processors();
  std::sort(cpus.begin(), cpus.end(), [](int a, int b) {
    const auto place = [](int cpu) {
      return std::tuple(topology(cpu, "physical_package_id"), topology(cpu, "core_id"), cpu);
    };
    return place(a) < place(b);
  });
  cpus.resize(paid);
  return cpus;
}

std::vector<std::vector<int>> split_cpus(const std::vector<int>& cpus, int count) {
  const std::size_t sets = static_cast<std::size_t>(count);
  if (sets > cpus.size()) {
    fail(ExitCode::usage, "-j {}: this process may use {} CPU{}; ask for at most as many jobs",
         count, cpus.size(), cpus.size() == 1 ? "" : "s");
  }
  const std::size_t size = cpus.size() / sets;
  std::vector<std::vector<int>> result;
  for (std::size_t i = 0; i < sets; ++i) {
    const auto begin = cpus.begin() + static_cast<std::ptrdiff_t>(i * size);
    result.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(size));
  }
  return result;
}

}  // namespace dropmuon
