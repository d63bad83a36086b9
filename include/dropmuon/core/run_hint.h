// SPDX-License-Identifier: MIT
// Which run was meant by a path that is none: for messages that say what to name instead.
#pragma once

#include <string>

namespace dropmuon {

// The run that the file or folder at `path` is a part of; "" if of none.
std::string run_around(const std::string& path);

// The newest run in the folder at `path`, as in runs/ or runs/NAME/; "" if there is none.
std::string newest_run_in(const std::string& path);

// Whether `file` is one that a run writes, and lies in a run; its config.yaml does not count.
bool is_of_a_run(const std::string& file);

// "; it is part of the run R, name that", "; name one of the runs in it, such as R", or what else
// helps somebody who gave `path` where a run's folder was wanted; "" if nothing does.
std::string hint_for_run(const std::string& path);

// The same where weights were wanted, which the jobs of a sweep have too.
std::string hint_for_weights(const std::string& path);

// The same where a configuration was wanted: a run is gone on with by --resume.
std::string hint_for_config(const std::string& path);

}  // namespace dropmuon
