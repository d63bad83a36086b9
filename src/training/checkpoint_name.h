// SPDX-License-Identifier: MIT
// The names that live in a folder of checkpoints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace dropmuon {

// finished: step_00000120. In the making or being removed: .tmp-<pid>. Giving way to a new folder
// of the same step: .old-<pid>; until that one is in place it is the whole checkpoint of its step.
enum class CheckpointStage { finished, temporary, retired };

struct CheckpointName {
  std::int64_t step = 0;
  CheckpointStage stage = CheckpointStage::finished;
  std::int64_t process = 0;  // 0 if finished
};

std::string to_text(const CheckpointName& name);
std::string step_name(std::int64_t step);
std::optional<CheckpointName> parse_checkpoint_name(const std::string& text);

// The process of a leftover "latest.tmp-<pid>" or the like.
std::optional<std::int64_t> temporary_of(const std::string& text, const std::string& name);

}  // namespace dropmuon
