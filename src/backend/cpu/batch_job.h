// SPDX-License-Identifier: MIT
// What a scheduler of batch jobs, and a user, say of the number of threads.
#pragma once

#include <optional>
#include <string>

namespace dropmuon::cpu {

struct Allowance {
  int processors = 1;
  std::string reason;  // "NSLOTS=4 (Grid Engine)"
};

// The smallest number of processors that a variable of Slurm, Grid Engine, LSF or PBS gives this
// job; nothing outside of a job. A variable of all nodes together is a bound too. What is no whole
// number above zero is not looked at.
std::optional<Allowance> batch_job_allowance();

// OMP_NUM_THREADS as the OpenMP runtime understands it: the first of a list of whole numbers above
// zero; nothing where it does not understand.
std::optional<Allowance> omp_num_threads();

}  // namespace dropmuon::cpu
