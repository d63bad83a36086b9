// SPDX-License-Identifier: MIT
#include "batch_job.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include <fmt/format.h>

namespace dropmuon::cpu {
namespace {

struct Variable {
  const char* name;
  const char* scheduler;
};

// Of two that say the same the first is named: a task is nearer to this process than its node.
constexpr Variable kVariables[] = {{"SLURM_CPUS_PER_TASK", "Slurm"},
                                   {"SLURM_CPUS_ON_NODE", "Slurm"},
                                   {"NSLOTS", "Grid Engine"},
                                   {"LSB_DJOB_NUMPROC", "LSF"},
                                   {"PBS_NP", "PBS"},
                                   {"NCPUS", "PBS"}};

// A number above zero and where it ends, blanks behind it included; 0 if there is none.
int number_at(const char* text, const char*& end) {
  char* behind = nullptr;
  errno = 0;
  const long long number = std::strtoll(text, &behind, 10);
  const bool is_good = errno == 0 && behind != text && number > 0;
  while (std::isspace(static_cast<unsigned char>(*behind)) != 0) ++behind;
  end = behind;
  return is_good ? static_cast<int>(std::min<long long>(number, INT_MAX)) : 0;
}

}  // namespace

std::optional<Allowance> batch_job_allowance() {
  std::optional<Allowance> smallest;
  for (const Variable& variable : kVariables) {
    const char* text = std::getenv(variable.name);
    if (text == nullptr) continue;
    const char* end = nullptr;
    const int number = number_at(text, end);
    if (number == 0 || *end != '\0' || (smallest && smallest->processors <= number)) continue;
    smallest = {number, fmt::format("{}={} ({})", variable.name, number, variable.scheduler)};
  }
  return smallest;
}

std::optional<Allowance> omp_num_threads() {
  const char* text = std::getenv("OMP_NUM_THREADS");
  if (text == nullptr) return std::nullopt;
  const char* at = nullptr;
  const int first = number_at(text, at);
  for (int next = first; next > 0; next = number_at(at + 1, at)) {
    if (*at == '\0') return Allowance{first, fmt::format("OMP_NUM_THREADS={}", first)};
    if (*at != ',') break;
  }
  return std::nullopt;
}

}  // namespace dropmuon::cpu
