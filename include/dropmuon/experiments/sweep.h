// SPDX-License-Identifier: MIT
// Many runs from one file: a base configuration, cases, grid and random axes, seeds.
#pragma once

#include <string>
#include <vector>

#include <dropmuon/config/config.h>

namespace dropmuon {

// One run of a sweep. Its folder holds the whole configuration before it starts, so editing the
// files of a sweep does not change jobs that wait, and `dropmuon train --resume FOLDER` is all a
// scheduler needs: it starts the job, goes on with it, or finds it done.
struct SweepJob {
  std::string label;   // unique in the sweep, and the folder's name: "drop_muon-lr=0.02-seed=1"
  std::string folder;  // <folder of the sweep>/<label>
  RunConfig config;    // name: the label without the seed, '_' for '='; clipped if it is long
};

struct Sweep {
  std::string name;
  std::string folder;          // <runs_dir>/<name>
  std::string definition;      // the text of its file
  std::vector<SweepJob> jobs;  // in the order of running: seed by seed, cases A B B A
};

// Reads a sweep file:
//
//   name: learning-rates           # folder below runs_dir; default: the name of this file
//   runs_dir: runs                 # default
//   base: ../mnist/muon.yaml       # relative to this file
//   set: {train.epochs: 3}         # for every job; any dotted key of a configuration
//   cases:                         # settings that go together; may name another base
//     muon: {sampling.scheme: full}
//     drop_muon: {base: ../mnist/drop_muon.yaml, optimizer.momentum: 0.9}
//   grid:                          # every combination
//     model.channels: [[64, 128, 256], [32, 64, 128]]
//   random:                        # and so many different draws, the same for every case and seed
//     samples: 8
//     seed: 0                      # default
//     axes:
//       optimizer.lr: {log_uniform: [0.001, 0.1]}   # or uniform: [a, b], choice: [a, b, c]
//   seeds: [0, 1, 2]               # or a number n for 0 .. n-1; default 1
//
// A key that an axis varies has no value elsewhere in the file, and seed, name and runs_dir of the
// base do not count. `overrides` ("train.epochs=1") apply to every job, after all of the above;
// name and runs_dir move the sweep, and what cases, axes and seeds set cannot be overridden. Throws
// Error(missing_input) for a file that is not there and Error(bad_config), with file, line and
// column, for an unknown key or axis, an empty grid, a value that its key refuses, or two jobs
// with the same folder.
Sweep load_sweep(const std::string& path, const std::vector<std::string>& overrides);

// Throws Error(bad_config) if a job's folder holds another configuration than the job has.
void check_prepared(const Sweep& sweep);

// Makes the folders of all jobs, each with its config.yaml and, if it is new, STATUS `waiting`; and
// sweep.yaml, the definition, beside them. Jobs that are there stay as they are. Warns of runs
// there that are none of the jobs. Throws as check_prepared() does, and Error(cannot_write).
void prepare_jobs(const Sweep& sweep);

// What `sweep --dry-run` prints: every job with its status, steps, expected FLOPs and, at the
// measured peak of this machine, the least time it can take; and the sums of what is left to do.
// Throws as check_prepared() does.
std::string dry_run_text(const Sweep& sweep);

// Shell scripts that run the prepared jobs on other machines that share the folder: a Slurm job
// array (sbatch it) and a GNU parallel call (run it). Each line of work is
// `PROGRAM train --resume FOLDER`; jobs that are done end at once, so the scheduler owns retries.
// They run in the folder where they were made, on which relative names in configurations depend,
// and at most `at_a_time` of them together; 0: as many as Slurm starts, or one for GNU parallel.
std::string slurm_script(const Sweep& sweep, const std::string& program, int at_a_time = 0);
std::string parallel_script(const Sweep& sweep, const std::string& program, int at_a_time = 0);

}  // namespace dropmuon
