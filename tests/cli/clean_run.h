// SPDX-License-Identifier: MIT
// The program without what the tests themselves run under, in a child with a time limit.
#pragma once

#include <string>

#include "program.h"

namespace dropmuon {

inline constexpr int kTimedOut = 124;  // of timeout(1)

inline const std::string kClean =
    "env -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT -u OMP_NUM_THREADS -u OMP_STACKSIZE "
    "-u GOMP_STACKSIZE -u OMP_PROC_BIND -u OMP_PLACES -u SLURM_CPUS_PER_TASK "
    "-u SLURM_CPUS_ON_NODE -u NSLOTS -u LSB_DJOB_NUMPROC -u PBS_NP -u NCPUS "
    "CUDA_VISIBLE_DEVICES= ";

// `setting` as in front of a command of the shell: "OMP_NUM_THREADS=1".
inline Outcome run_with(const std::string& setting, const std::string& arguments) {
  return run_script(kClean + setting + " timeout 100 " + program() + " " + arguments);
}

}  // namespace dropmuon
