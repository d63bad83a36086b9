// SPDX-License-Identifier: MIT
// Saving a trainer between two steps, and going on from there.
#include <chrono>
#include <limits>

#include <nlohmann/json.hpp>

#include "named_tensor.h"
#include <dropmuon/core/error.h>
#include <dropmuon/training/trainer.h>

namespace dropmuon {
namespace {

using Json = nlohmann::json;

// Uploads `tensor` if it is the one that is expected here.
void upload(Backend& backend, const NamedTensor& tensor, const std::string& name, std::size_t size,
            float* data) {
  if (tensor.name != name || tensor.values.size() != size) {
    fail(ExitCode::bad_data,
         "the checkpoint has tensor {} with {} values where this run has {} with {}", tensor.name,
         tensor.values.size(), name, size);
  }
  backend.upload(data, tensor.values.data(), size * sizeof(float));
}

void check_count(std::size_t found, std::size_t expected, const char* what) {
  if (found == expected) return;
  fail(ExitCode::bad_data, "the checkpoint has {} {}, this run has {}", found, what, expected);
}

Json row_json(const MetricsRow& row) {
  Json json = Json::object();
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    const auto metric = static_cast<Metric>(i);
    if (row.has(metric)) json[name_of(metric)] = row[metric];
  }
  return json;
}

MetricsRow row_from(const Json& json) {
  MetricsRow row;
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    const auto metric = static_cast<Metric>(i);
    const auto found = json.find(name_of(metric));
    if (found != json.end()) row.set(metric, found->get<double>());
  }
  return row;
}

// null for what is not finite, or not known.
Json changes_json(const std::vector<Change>& changes) {
  Json json = Json::array();
  for (const Change& change : changes) json.push_back({change.last, change.total});
  return json;
}

// A checkpoint of an older version has none: what moved is then known to have moved, not how far.
std::vector<Change> changes_from(const Json& state, std::span<const Param> params,
                                 const std::vector<std::int64_t>& updates) {
  constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();
  const auto number = [](const Json& json) {
    return json.is_null() ? kUnknown : json.get<float>();
  };
  std::vector<Change> changes(params.size());
  const auto saved = state.find("changes");
  if (saved != state.end()) check_count(saved->size(), params.size(), "changes");
  for (std::size_t i = 0; i < params.size(); ++i) {
    if (saved != state.end()) {
      changes[i] = {.last = number(saved->at(i).at(0)), .total = number(saved->at(i).at(1))};
    } else if (updates[static_cast<std::size_t>(params[i].layer)] > 0) {
      changes[i] = {.last = kUnknown, .total = kUnknown};
    }
  }
  return changes;
}

Json target_json(const std::optional<TargetHit>& hit) {
  if (!hit) return nullptr;
  return {{"step", hit->step},
          {"samples", hit->samples},
          {"seconds", hit->seconds},
          {"flops", hit->flops}};
}

std::optional<TargetHit> target_from(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return TargetHit{.step = json.at("step"),
                   .samples = json.at("samples"),
                   .seconds = json.at("seconds"),
                   .flops = json.at("flops")};
}

}  // namespace

double Trainer::paused_seconds() const {
  double seconds = paused_before_;
  for (const RunClock::duration pause : RunClock::pauses(first_pause_)) {
    seconds += std::chrono::duration<double>(pause).count();
  }
  return seconds;
}

Checkpoint Trainer::checkpoint() {
  backend_.synchronize();
  add_phases();
  const LossSums sums = step_->sums();
  const Json state = {
      {"layer_updates", step_->optimizer().layer_updates()},
      {"start_counts", result_.start_counts},
      {"last_moves", watch_->last_moves()},
      {"changes", changes_json(step_->optimizer().changes())},
      {"best_test_accuracy", result_.best_test_accuracy},
      {"best_step", result_.best_step},
      {"last", row_json(result_.last)},
      {"target", target_json(result_.target)},
      {"running", {{"loss", sums.loss}, {"correct", sums.correct}, {"count", sums.count}}},
      {"flops", flops_},
      {"skipped_steps", result_.skipped_steps},
      {"skips_in_a_row", skips_in_a_row_},
      {"rollbacks", result_.rollbacks},
      {"learning_rate", learning_rate_},
      {"logged_step", logged_step_},
      {"logged_seconds", logged_seconds_},
      {"train_seconds", clock_.seconds()},
      {"paused_seconds", paused_seconds()},
      {"forward_seconds", phases_.forward},
      {"backward_seconds", phases_.backward},
      {"optimizer_seconds", phases_.optimizer},
  };
  Checkpoint checkpoint{
      .step = steps_done_, .state = state.dump(2), .normalization = normalization_};
  for (const Param& param : network().params()) {
    checkpoint.weights.push_back(download_tensor(backend_, param));
  }
  for (const StateTensor& tensor : step_->optimizer().state()) {
    checkpoint.optimizer.push_back(download_tensor(
        backend_, tensor.name, {static_cast<std::int64_t>(tensor.size)}, tensor.data, tensor.size));
  }
  return checkpoint;
}

void Trainer::set_normalization(const Normalization& normalization, const std::string& source) {
  if (normalization == normalization_) return;
  if (normalization.mean.size() != normalization_.mean.size()) {
    fail(ExitCode::bad_data, "{}: constants of normalisation for {} channels, the images have {}",
         source, normalization.mean.size(), normalization_.mean.size());
  }
  normalization_ = normalization;
  train_->set_normalization(normalization);
  test_->set_normalization(normalization);
}

void Trainer::restore(const Checkpoint& checkpoint) {
  restore_tensors(checkpoint);
  if (checkpoint.normalization) {
    set_normalization(*checkpoint.normalization,
                      fmt::format("the checkpoint of step {}", checkpoint.step));
  }
  try {
    const Json state = Json::parse(checkpoint.state);
    const auto updates = state.at("layer_updates").get<std::vector<std::int64_t>>();
    const auto starts = state.at("start_counts").get<std::vector<std::int64_t>>();
    check_count(updates.size(), result_.start_counts.size(), "layers");
    check_count(starts.size(), result_.start_counts.size(), "layers");
    const auto last_moves =
        state.value("last_moves", std::vector<std::int64_t>(starts.size(), kNoMove));
    check_count(last_moves.size(), starts.size(), "layers");
    const Json& running = state.at("running");
    const LossSums sums{
        .loss = running.at("loss"), .correct = running.at("correct"), .count = running.at("count")};
    step_->optimizer().set_layer_updates(updates);
    step_->optimizer().set_changes(changes_from(state, network().params(), updates));
    watch_->set_last_moves(last_moves);
    result_.start_counts = starts;
    result_.best_test_accuracy = state.at("best_test_accuracy");
    result_.best_step = state.at("best_step");
    result_.last = row_from(state.at("last"));
    result_.target = target_from(state.at("target"));
    step_->set_sums(sums);
    good_sums_ = sums;
    result_.skipped_steps = state.at("skipped_steps");
    skips_in_a_row_ = state.at("skips_in_a_row");
    result_.rollbacks = state.at("rollbacks");
    flops_ = state.at("flops");
    learning_rate_ = state.at("learning_rate");
    logged_step_ = state.at("logged_step");
    logged_seconds_ = state.at("logged_seconds");
    clock_.set_seconds(state.at("train_seconds"));
    paused_before_ = state.value("paused_seconds", 0.0);  // older versions have not noted it
    phases_ = {.forward = state.at("forward_seconds"),
               .backward = state.at("backward_seconds"),
               .optimizer = state.at("optimizer_seconds")};
  } catch (const Json::exception& error) {
    fail(ExitCode::bad_data, "the checkpoint of step {} is no state of a run: {}", checkpoint.step,
         error.what());
  }
  steps_done_ = checkpoint.step;
  result_.layer_updates = step_->optimizer().layer_updates();
}

void Trainer::restore_tensors(const Checkpoint& checkpoint) {
  const std::span<Param> params = network().params();
  check_count(checkpoint.weights.size(), params.size(), "weight tensors");
  for (std::size_t i = 0; i < params.size(); ++i) {
    upload(backend_, checkpoint.weights[i], params[i].name, params[i].size(), params[i].value);
  }
  const std::vector<StateTensor> state = step_->optimizer().state();
  check_count(checkpoint.optimizer.size(), state.size(), "optimizer tensors");
  for (std::size_t i = 0; i < state.size(); ++i) {
    upload(backend_, checkpoint.optimizer[i], state[i].name, state[i].size, state[i].data);
  }
  network().params_changed(ActiveSet::all(network().depth()));
}

}  // namespace dropmuon
