// SPDX-License-Identifier: MIT
// The folders of a sweep's jobs, made so that being killed or run twice at once does no harm.
#include "warn.h"
#include <dropmuon/core/error.h>
#include <dropmuon/core/file_lock.h>
#include <dropmuon/core/file_system.h>
#include <dropmuon/experiments/sweep.h>
#include <dropmuon/runner/run_folder.h>

namespace dropmuon {
namespace {

std::string config_file(const SweepJob& job) { return job.folder + "/" + run_files::kConfig; }

// Read, not compared as text: a newer program may write keys that an older one did not know.
bool same_config(const std::string& file, const RunConfig& config) {
  const std::string wanted = to_yaml(config);
  return FileSystem::real().read_file(file) == wanted || to_yaml(load_config(file, {})) == wanted;
}

void check_folder(const SweepJob& job, const std::string& sweep) {
  const std::string file = config_file(job);
  if (!FileSystem::real().exists(file) || same_config(file, job.config)) return;
  fail(
      ExitCode::bad_config,
      "{} holds another configuration than job '{}' of sweep '{}'; give the sweep another name, or "
      "move the folder away",
      file, job.label, sweep);
}

// What a preparation that was killed has left behind.
void remove_leftovers(const std::string& folder, const std::string& start) {
  FileSystem& files = FileSystem::real();
  for (const std::string& name : files.list(folder)) {
    if (name.starts_with(start)) files.remove_tree(folder + "/" + name);
  }
}

// A job can be started as soon as it has its config.yaml, which therefore comes last: STATUS is
// never touched again from here.
void make_folder(const SweepJob& job) {
  FileSystem& files = FileSystem::real();
  files.create_folder(job.folder);
  if (files.exists(config_file(job))) return;
  for (const std::string name : {run_files::kStatus, run_files::kConfig}) {
    remove_leftovers(job.folder, name + ".tmp-");
  }
  files.replace_file(job.folder + "/" + run_files::kStatus, name_of(RunStatus::waiting) + "\n");
  files.replace_file(config_file(job), to_yaml(job.config));
}

}  // namespace

void check_prepared(const Sweep& sweep) {
  for (const SweepJob& job : sweep.jobs) check_folder(job, sweep.name);
}

void prepare_jobs(const Sweep& sweep) {
  FileSystem& files = FileSystem::real();
  files.create_folders(sweep.folder);
  // Two preparations wait for each other.
  LockFile lock(sweep.folder + "/.prepare.lock", LockFile::Missing::create);
  if (lock.wait_and_take() == LockAnswer::not_there) warn_without_lock(sweep.folder);
  remove_leftovers(sweep.folder, "sweep.yaml.tmp-");
  check_prepared(sweep);
  for (const SweepJob& job : sweep.jobs) make_folder(job);
  const std::string definition = sweep.folder + "/sweep.yaml";
  if (!files.exists(definition) || files.read_file(definition) != sweep.definition) {
    files.replace_file(definition, sweep.definition);
  }
  warn_of_unknown_runs(sweep);
}

}  // namespace dropmuon
