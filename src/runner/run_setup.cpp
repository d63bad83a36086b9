// SPDX-License-Identifier: MIT
#include "run_setup.h"

#include <filesystem>
#include <utility>

#include <fmt/ranges.h>

#include <dropmuon/core/error.h>
#include <dropmuon/core/log.h>
#include <dropmuon/core/run_hint.h>

namespace dropmuon {
namespace {

std::string describe(const Dataset& data) {
  return fmt::format("{}: {} + {} images, {}", data.name, data.train.count(), data.test.count(),
                     data.verdict);
}

Dataset without_images(const Dataset& data) {
  Dataset about;
  about.name = data.name;
  about.source = data.source;
  about.verdict = data.verdict;
  about.hashes = data.hashes;
  return about;
}

std::string describe(const Normalization& n) {
  return fmt::format("mean {:.4f}, inverse deviation {:.4f}", fmt::join(n.mean, " "),
                     fmt::join(n.inverse_std, " "));
}

// A folder of runs has none; whoever names it means a run.
SavedWeights read_initial_weights(const std::string& path) {
  try {
    return read_weights(path);
  } catch (const Error& error) {
    std::error_code ignored;
    const bool is_folder = std::filesystem::is_directory(path, ignored);
    const bool is_missing = error.code() == ExitCode::missing_input;
    const std::string hint = is_missing && is_folder ? hint_for_weights(path) : "";
    if (hint.empty()) throw;
    fail(ExitCode::missing_input, "train.init_from={}: {}{}", path, error.what(), hint);
  }
}

}  // namespace

Setup set_up(const RunConfig& config, std::optional<Dataset> loaded) {
  Setup setup{.backend = make_backend(config.device)};
  Dataset data = loaded ? std::move(*loaded) : load_dataset(config.experiment.data);
  setup.about = without_images(data);
  setup.data = describe(data);
  setup.trainer = std::make_unique<Trainer>(*setup.backend, config.experiment, std::move(data));
  return setup;
}

void take_initial_weights(Setup& setup, const Experiment& experiment) {
  if (setup.initial || !experiment.train.init_from) return;
  setup.initial = read_initial_weights(*experiment.train.init_from);
  set_weights(setup.initial->tensors, setup.initial->source, setup.trainer->network(),
              *setup.backend);
  if (!setup.initial->normalization) {
    log::warning(
        "{} does not say how its images were normalised: as these training images are, which may "
        "be wrong",
        setup.initial->source);
    return;
  }
  const Normalization measured = setup.trainer->normalization();
  setup.trainer->set_normalization(*setup.initial->normalization, setup.initial->source);
  if (setup.trainer->normalization() == measured) return;
  log::info("images are normalised as for these weights: {}; by these training images: {}",
            describe(setup.trainer->normalization()), describe(measured));
}

}  // namespace dropmuon
