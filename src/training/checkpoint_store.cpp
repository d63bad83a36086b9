// SPDX-License-Identifier: MIT
// Saving: everything into a temporary folder, fsync, rename, fsync the parent, and only then
// remove.
#include <algorithm>
#include <cerrno>
#include <utility>

#include <signal.h>
#include <unistd.h>

#include "checkpoint_files.h"
#include "checkpoint_name.h"
#include <dropmuon/core/error.h>
#include <dropmuon/core/log.h>
#include <dropmuon/core/text.h>
#include <dropmuon/training/checkpoint_store.h>

namespace dropmuon {
namespace {

constexpr const char* kLatest = "latest";
constexpr const char* kBest = "best";

// Our own leftovers count as dead: this process saves one checkpoint at a time.
bool is_dead(std::int64_t process) {
  if (process == ::getpid()) return true;
  return ::kill(static_cast<pid_t>(process), 0) != 0 && errno == ESRCH;
}

std::string own_name(std::int64_t step, CheckpointStage stage) {
  return to_text({step, stage, ::getpid()});
}

}  // namespace

struct CheckpointStore::Entry {
  CheckpointName name;
  std::string text;
};

CheckpointStore::CheckpointStore(std::string folder, int keep, FileSystem& files)
    : folder_(std::move(folder)), keep_(static_cast<std::size_t>(keep)), files_(&files) {
  DM_CHECK(keep >= 1, "keep {} checkpoints", keep);
}

void CheckpointStore::save(const Checkpoint& checkpoint) {
  const std::vector<PackedFile> parts = pack(checkpoint);
  files_->create_folders(folder_);
  clear_leftovers();
  std::uint64_t bytes = 0;
  for (const PackedFile& part : parts) bytes += part.content.size();
  require_space(bytes);
  const std::string temporary = path(own_name(checkpoint.step, CheckpointStage::temporary));
  try {
    files_->create_folder(temporary);
    for (const PackedFile& part : parts) {
      files_->write_file(temporary + "/" + part.name, part.content);
    }
    files_->sync_folder(temporary);
    put_in_place(temporary, checkpoint.step);
  } catch (const Error& error) {
    try {
      files_->remove_tree(temporary);
    } catch (const Error&) {  // the first failure is the one to report; the next save tries again
    }
    fail(ExitCode::cannot_write, "{}", error.what());
  }
  files_->replace_file(path(kLatest), step_name(checkpoint.step) + "\n");
  remove_superseded(checkpoint.step);
}

void CheckpointStore::mark_best(std::int64_t step) {
  if (!files_->exists(path(step_name(step)))) {
    fail(ExitCode::cannot_write, "cannot mark step {} as the best: {} is not there", step,
         path(step_name(step)));
  }
  files_->replace_file(path(kBest), step_name(step) + "\n");
}

std::optional<std::string> CheckpointStore::best_folder() const {
  if (!files_->exists(path(kBest))) return std::nullopt;
  std::string name = files_->read_file(path(kBest));
  if (name.ends_with('\n')) name.pop_back();
  const auto parsed = parse_checkpoint_name(name);
  if (!parsed || parsed->stage != CheckpointStage::finished) {
    fail(ExitCode::bad_data, "{}: expected the name of a checkpoint, like {}", path(kBest),
         step_name(0));
  }
  if (!files_->exists(path(name))) return std::nullopt;
  return path(name);
}

std::optional<CheckpointStore::Loaded> CheckpointStore::load_newest(
    const std::string& config_hash, const std::string& older_hash) const {
  Loaded loaded;
  for (const Entry& entry : entries()) {
    if (entry.name.stage == CheckpointStage::temporary) continue;
    loaded.folder = path(entry.text);
    try {
      loaded.checkpoint = load(loaded.folder);
      if (loaded.checkpoint.step != entry.name.step) {
        fail(ExitCode::bad_data, "{}: its manifest says step {}", loaded.folder,
             loaded.checkpoint.step);
      }
    } catch (const Error& error) {
      if (error.code() == ExitCode::missing_input) throw;  // whole perhaps, but not for this user
      loaded.damaged.push_back({loaded.folder, error.what()});
      continue;
    }
    const std::string& found = loaded.checkpoint.config_hash;
    if (!config_hash.empty() && found != config_hash && found != older_hash) {
      fail(
          ExitCode::bad_config,
          "{} was made with the configuration {}, this one is {}; continue with the config.yaml of "
          "that run, or start afresh without --resume",
          loaded.folder, found, config_hash);
    }
    return loaded;
  }
  if (loaded.damaged.empty()) return std::nullopt;
  fail(ExitCode::bad_data, "{}: none of the {} checkpoints is whole; the newest: {}", folder_,
       loaded.damaged.size(), loaded.damaged.front().problem);
}

Checkpoint CheckpointStore::load(const std::string& folder) const {
  if (!files_->exists(folder)) {
    fail(ExitCode::missing_input, "no checkpoint {}", folder);
  }
  return unpack(*files_, folder);
}

std::vector<std::int64_t> CheckpointStore::steps() const {
  std::vector<std::int64_t> steps;
  for (const Entry& entry : entries()) {
    if (entry.name.stage == CheckpointStage::finished) steps.insert(steps.begin(), entry.name.step);
  }
  return steps;
}

std::string CheckpointStore::path(const std::string& name) const { return folder_ + "/" + name; }

std::vector<CheckpointStore::Entry> CheckpointStore::entries() const {
  std::vector<Entry> entries;
  if (!files_->exists(folder_)) return entries;
  for (const std::string& text : files_->list(folder_)) {
    if (const auto name = parse_checkpoint_name(text)) entries.push_back({*name, text});
  }
  // Within a step the finished one comes before the retired: the enumerators are in that order.
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.name.step != b.name.step ? a.name.step > b.name.step : a.name.stage < b.name.stage;
  });
  return entries;
}

// What killed processes left. Failing here costs only disk space, so it only warns.
void CheckpointStore::clear_leftovers() {
  try {
    for (const std::string& text : files_->list(folder_)) {
      for (const char* pointer : {kLatest, kBest}) {
        const auto process = temporary_of(text, pointer);
        if (process && is_dead(*process)) files_->remove_tree(path(text));
      }
      const auto name = parse_checkpoint_name(text);
      if (!name || name->stage == CheckpointStage::finished || !is_dead(name->process)) continue;
      const std::string final = path(step_name(name->step));
      if (name->stage == CheckpointStage::retired && !files_->exists(final)) {
        files_->rename(path(text), final);  // killed between the two renames of put_in_place
      } else {
        files_->remove_tree(path(text));
      }
    }
  } catch (const Error& error) {
    log::warning("leftovers of an earlier save stay: {}", error.what());
  }
}

// Not to know is no reason to stop: if the disk is full or broken, writing will say so.
std::uint64_t CheckpointStore::free_space() {
  try {
    return files_->free_space(folder_);
  } catch (const Error& error) {
    if (!std::exchange(warned_of_space_, true)) {
      log::warning("{}; checkpoints are written without knowing that they fit", error.what());
    }
    return FileSystem::kUnknownSpace;
  }
}

void CheckpointStore::require_space(std::uint64_t bytes) {
  const std::uint64_t needed = bytes + bytes / 5;
  const std::uint64_t available = free_space();
  if (needed <= available) return;
  fail(ExitCode::cannot_write, "cannot write a checkpoint to {}: it needs {}, {} are free", folder_,
       human_bytes(static_cast<double>(needed)), human_bytes(static_cast<double>(available)));
}

void CheckpointStore::put_in_place(const std::string& temporary, std::int64_t step) {
  const std::string final = path(step_name(step));
  // A folder cannot be renamed over a full one. Between the two renames load_newest takes the
  // retired one.
  const std::string retired = path(own_name(step, CheckpointStage::retired));
  const bool replaces = files_->exists(final);
  if (replaces) files_->rename(final, retired);
  try {
    files_->rename(temporary, final);
  } catch (const Error&) {
    if (replaces) files_->rename(retired, final);
    throw;
  }
  files_->sync_folder(folder_);
}

// The new checkpoint is durable by now: a failure here loses nothing, so it only warns.
void CheckpointStore::remove_superseded(std::int64_t newest) {
  try {
    const auto best = best_folder();
    std::size_t kept = 0;
    for (const Entry& entry : entries()) {
      if (entry.name.stage != CheckpointStage::finished) continue;
      const bool is_best = best && *best == path(entry.text);
      if (entry.name.step > newest) {
        log::warning("{} is removed: the run went on from an earlier step", path(entry.text));
        if (is_best) files_->remove_tree(path(kBest));
        remove(entry);
      } else if (kept < keep_) {
        ++kept;
      } else if (!is_best) {
        remove(entry);
      }
    }
    clear_leftovers();
  } catch (const Error& error) {
    log::warning("superseded checkpoints stay: {}", error.what());
  }
}

// By its name a half-removed folder is a leftover, not a damaged checkpoint.
void CheckpointStore::remove(const Entry& entry) {
  const std::string doomed = path(own_name(entry.name.step, CheckpointStage::temporary));
  files_->rename(path(entry.text), doomed);
  files_->remove_tree(doomed);
}

void warn_of_damage(const CheckpointStore::Loaded& loaded) {
  for (const DamagedCheckpoint& damaged : loaded.damaged) {
    log::warning("{} is damaged ({}); an older one is used", damaged.folder, damaged.problem);
  }
}

}  // namespace dropmuon
