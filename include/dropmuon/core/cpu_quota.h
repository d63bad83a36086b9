// SPDX-License-Identifier: MIT
// What the control groups of a container, a service or a batch job pay for, in processors.
#pragma once

#include <optional>
#include <string>

namespace dropmuon {

// The smallest CPU quota of the control groups (versions 1 and 2) that this process is in, from its
// own up to the root; nullopt: none has one, or none can be read. The files are looked for in
// `root`/proc and `root`/sys/fs/cgroup.
std::optional<double> cpu_quota(const std::string& root = "");

}  // namespace dropmuon
