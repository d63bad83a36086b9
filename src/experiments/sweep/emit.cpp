// SPDX-License-Identifier: MIT
// Sweeps as shell scripts for schedulers that people have already. Each line of work can be run
// any number of times, so that failures, retries and several machines are the scheduler's affair.
#include <algorithm>
#include <filesystem>
#include <string>

#include <fmt/format.h>

#include <dropmuon/experiments/sweep.h>

namespace dropmuon {
namespace {

namespace fs = std::filesystem;

// As one word of a shell, whatever is in it.
std::string shell_word(const std::string& text) {
  std::string out = "'";
  for (const char letter : text) {
    if (letter == '\'') {
      out += "'\\''";
    } else {
      out += letter;
    }
  }
  return out + "'";
}

// As the value of an #SBATCH line, which knows double quotes and, in file names, %.
std::string slurm_file_name(const std::string& path) {
  std::string out;
  for (const char letter : path) {
    if (letter == '"' || letter == '\\') out += '\\';
    if (letter == '%') out += '%';
    out += letter;
  }
  return out;
}

template <typename Property>
bool all_jobs(const Sweep& sweep, Property property) {
  return std::all_of(sweep.jobs.begin(), sweep.jobs.end(),
                     [&](const SweepJob& job) { return property(job.config.device); });
}

// Slurm's MaxArraySize, unless its administrator has set another: indices are below it.
constexpr std::size_t kMaxArraySize = 1001;

// Of tasks that run together, behind the indices of an array.
std::string limit_text(int at_a_time) { return at_a_time > 0 ? fmt::format("%{}", at_a_time) : ""; }

// How to submit more jobs than an array may have.
std::string slurm_parts(const Sweep& sweep, int at_a_time) {
  if (sweep.jobs.size() <= kMaxArraySize) return "";
  std::string out = fmt::format(
      "# Slurm takes {} tasks an array unless it is told otherwise; in parts:\n", kMaxArraySize);
  for (std::size_t first = 0; first < sweep.jobs.size(); first += kMaxArraySize) {
    const std::size_t last = std::min(sweep.jobs.size() - first, kMaxArraySize) - 1;
    out += fmt::format("#   sbatch --array=0-{}{} --export=ALL,FIRST_JOB={} FILE\n", last,
                       limit_text(at_a_time), first);
  }
  return out;
}

std::string slurm_options(const Sweep& sweep, int at_a_time) {
  const std::string logs = fs::absolute(fs::path(sweep.folder) / "slurm-").string();
  std::string out = fmt::format(
      "#SBATCH --job-name={}\n"
      "#SBATCH --array=0-{}{}\n"
      "#SBATCH --output=\"{}%A_%a.log\"\n"
      "#SBATCH --open-mode=append\n"
      "#SBATCH --requeue\n"
      "#SBATCH --signal=B:TERM@60\n",
      sweep.name, sweep.jobs.size() - 1, limit_text(at_a_time), slurm_file_name(logs));
  const int threads = sweep.jobs.front().config.device.threads;
  const bool fixed = all_jobs(sweep, [&](const DeviceRequest& d) { return d.threads == threads; });
  if (threads > 0 && fixed) {
    out += fmt::format("#SBATCH --cpus-per-task={}\n", threads);
  } else {
    out += "# Jobs use the processors that Slurm gives them: --cpus-per-task says how many.\n";
  }
  const auto needs_board = [](const DeviceRequest& d) {
    return d.device != "auto" && d.device != "cpu";
  };
  if (all_jobs(sweep, needs_board)) out += "#SBATCH --gres=gpu:1\n";
  return out;
}

}  // namespace

std::string slurm_script(const Sweep& sweep, const std::string& program, int at_a_time) {
  std::string folders;
  for (const SweepJob& job : sweep.jobs) folders += "  " + shell_word(job.folder) + "\n";
  return fmt::format(
      "#!/usr/bin/env bash\n"
      "# The sweep {0} as a Slurm job array of {1} tasks: sbatch [OPTIONS] FILE\n"
      "# Jobs that are done end at once and stopped ones go on from their last checkpoint, so\n"
      "# submitting the file again does what is left. Options given to sbatch win over these:\n"
      "{2}"
      "{6}"
      "set -euo pipefail\n"
      ": \"${{FIRST_JOB:=0}}\"\n"
      "folders=(\n"
      "{3}"
      ")\n"
      "cd {4}\n"
      "# exec: signals reach the program, which saves its state and stops.\n"
      "exec {5} train --resume \\\n"
      "  \"${{folders[FIRST_JOB + ${{SLURM_ARRAY_TASK_ID:?submit this file with sbatch}}]}}\"\n",
      sweep.name, sweep.jobs.size(), slurm_options(sweep, at_a_time), folders,
      shell_word(fs::current_path().string()), shell_word(program), slurm_parts(sweep, at_a_time));
}

std::string parallel_script(const Sweep& sweep, const std::string& program, int at_a_time) {
  std::string lines;
  for (const SweepJob& job : sweep.jobs) {
    lines += fmt::format("{} train --resume {}\n", shell_word(program), shell_word(job.folder));
  }
  return fmt::format(
      "#!/usr/bin/env bash\n"
      "# The sweep {0}, {1} jobs, with GNU parallel: bash FILE [OPTIONS OF PARALLEL]\n"
      "# Jobs that are done end at once and stopped ones go on from their last checkpoint, so\n"
      "# running the file again does what is left. Useful options: --jobs N (give the jobs\n"
      "# `threads: M` so that N of them share the processors), --retries N,\n"
      "# --sshlogin HOST,HOST (machines that share this folder), --bar.\n"
      "# The exit code is the number of jobs that failed.\n"
      "set -euo pipefail\n"
      "cd {2}\n"
      "if ! parallel --version 2>/dev/null | grep -q '^GNU parallel'; then\n"
      "  echo 'GNU parallel is needed (Debian: apt-get install parallel)' >&2\n"
      "  exit 69\n"
      "fi\n"
      "exec parallel --jobs {4} --line-buffer --workdir \"$PWD\" --termseq TERM,60000,KILL,1000 "
      "\"$@\" <<'JOBS'\n"
      "{3}"
      "JOBS\n",
      sweep.name, sweep.jobs.size(), shell_word(fs::current_path().string()), lines,
      std::max(at_a_time, 1));
}

}  // namespace dropmuon
