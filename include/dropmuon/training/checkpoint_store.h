// SPDX-License-Identifier: MIT
// The checkpoints of one run: a folder per step that is whole or invisible, whatever interrupts
// saving.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <dropmuon/core/file_system.h>
#include <dropmuon/dataset/normalization.h>
#include <dropmuon/training/safetensors.h>

namespace dropmuon {

struct Checkpoint {
  std::int64_t step = 0;
  std::string config_hash;
  std::string state;  // JSON text of the scalars, made by the trainer, stored to the byte
  std::vector<NamedTensor> weights;
  std::vector<NamedTensor> optimizer;
  std::optional<Normalization> normalization{};  // none in those of older programs
};

struct DamagedCheckpoint {
  std::string folder;
  std::string problem;  // one line
};

// step_00000120/{weights,optimizer}.safetensors, state.json, manifest.json (sizes, SHA-256 of the
// files, CRC-32C of the tensors, and of itself), and the files `latest` and `best`, which name a
// folder.
class CheckpointStore {
 public:
  // `folder` is <run>/checkpoints; nothing is touched before the first save. keep >= 1.
  CheckpointStore(std::string folder, int keep, FileSystem& files = FileSystem::real());

  // After it returned, load_newest() gives this checkpoint, power cut or not: other steps after it,
  // left by a run that was continued from an earlier one, are removed, and so are all but the
  // newest `keep` and the best. A folder of the same step is replaced. Throws Error(cannot_write)
  // naming file and reason; then what was there before is still there and whole. Where the free
  // space cannot be told, one warning says so.
  void save(const Checkpoint& checkpoint);

  // Spares a saved step from removal until another one is marked. Throws Error(cannot_write).
  void mark_best(std::int64_t step);
  std::optional<std::string> best_folder() const;

  struct Loaded {
    Checkpoint checkpoint;
    std::string folder;
    std::vector<DamagedCheckpoint> damaged;  // newer ones that had to be passed over
  };
  // The newest whole checkpoint; none if nothing was ever saved. With a hash, a checkpoint of
  // another configuration is refused: Error(bad_config); `older_hash` is another name of the same
  // one. Error(bad_data) if there are some and none is whole.
  std::optional<Loaded> load_newest(const std::string& config_hash,
                                    const std::string& older_hash = {}) const;

  // One folder (a path), verified. Throws Error(bad_data), or Error(missing_input) if it is not
  // there.
  Checkpoint load(const std::string& folder) const;

  std::vector<std::int64_t> steps() const;  // ascending, whole or not

 private:
  struct Entry;
  std::string path(const std::string& name) const;
  std::vector<Entry> entries() const;  // the newest first
  void clear_leftovers();
  std::uint64_t free_space();
  void require_space(std::uint64_t bytes);
  void put_in_place(const std::string& temporary, std::int64_t step);
  void remove_superseded(std::int64_t newest);
  void remove(const Entry& entry);

  std::string folder_;
  std::size_t keep_;
  FileSystem* files_;
  bool warned_of_space_ = false;
};

// A warning for each checkpoint that was passed over.
void warn_of_damage(const CheckpointStore::Loaded& loaded);

}  // namespace dropmuon
