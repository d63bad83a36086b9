// SPDX-License-Identifier: MIT
// What a run needs before it deserves a folder.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <dropmuon/config/config.h>
#include <dropmuon/training/trainer.h>
#include <dropmuon/training/weights_file.h>

namespace dropmuon {

struct Setup {
  std::unique_ptr<Backend> backend;
  Dataset about;     // the data set without its images, which the trainer has
  std::string data;  // in words
  std::unique_ptr<Trainer> trainer;
  std::optional<SavedWeights> initial;  // train.init_from, once it is taken
};

// `loaded`: the data set of the configuration, if it is there already. Throws as make_backend(),
// load_dataset() and Trainer do.
Setup set_up(const RunConfig& config, std::optional<Dataset> loaded);

// Gives the trainer the weights of train.init_from and their normalisation, unless it has them or
// the key is absent. Throws as read_weights() and set_weights() do.
void take_initial_weights(Setup& setup, const Experiment& experiment);

}  // namespace dropmuon
