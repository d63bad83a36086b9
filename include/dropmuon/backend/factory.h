// SPDX-License-Identifier: MIT
// The one place that knows which devices exist.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <dropmuon/backend/backend.h>

namespace dropmuon {

enum class Precision { fp32, tf32, bf16 };

struct DeviceRequest {
  std::string device = "auto";  // one of device_names(), or "cuda:N"
  Precision precision = Precision::fp32;
  int threads = 0;  // 0: one per processor this process may use
  // Record the step of each active set once and replay it (Backend::run_step). Only GPUs do.
  bool graphs = true;
};

std::vector<std::string> device_names();  // accepted words, for messages and the reference

// "" if `device` is a valid name, else what is wrong with it.
std::string device_name_error(const std::string& device);

// Throws Error(no_device) with the reason when the device that was asked for cannot be used, and
// Error(bad_config) when it cannot compute in the precision. "auto" never throws for lack of a GPU:
// it takes the CPU and says so in the log.
std::unique_ptr<Backend> make_backend(const DeviceRequest& request);

// The processors that CPU threads of this process may use, ascending, and how many of them a
// container's quota and a batch job's task pay for.
struct Processors {
  std::vector<int> usable;
  std::size_t paid = 1;
};
Processors processors();

// What `threads: auto` comes to in a process that may use so many processors.
int automatic_threads(int processors);

// For each board that "auto" may take, in order, the setting ("NAME=VALUE") of the environment
// under which a process sees that one alone. Empty where "auto" takes the CPU.
std::vector<std::string> board_settings();

// One line per device kind: usable, or why not (`dropmuon info`).
std::vector<std::string> describe_devices();

// Name and version of the numerical libraries of the devices that can be used here.
std::vector<std::pair<std::string, std::string>> library_versions();

}  // namespace dropmuon
