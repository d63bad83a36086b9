// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpu/cpu_backend.h"
#include "cuda/make_backend.h"
#include <dropmuon/backend/factory.h>
#include <dropmuon/core/error.h>
#include <dropmuon/core/log.h>
#include <dropmuon/core/suggest.h>

namespace dropmuon {
namespace {

std::unique_ptr<Backend> make_cpu(const DeviceRequest& request) {
  if (request.precision != Precision::fp32) {
    fail(ExitCode::bad_config,
         "precision: the CPU computes in fp32 only; tf32 and bf16 need a CUDA device");
  }
  return std::make_unique<cpu::CpuBackend>(request.threads);
}

int gpu_index(const std::string& device) {
  const std::size_t colon = device.find(':');
  return colon == std::string::npos ? 0 : std::stoi(device.substr(colon + 1));
}

std::vector<std::string> usable_boards() {
  const std::string name = "CUDA_VISIBLE_DEVICES";
  const char* given = std::getenv(name.c_str());
  std::istringstream visible(given == nullptr ? "" : given);
  std::vector<std::string> settings;
  for (int i = 0; cuda::unavailable_reason(i).empty(); ++i) {
    std::string id = fmt::format("{}", i);  // of those that this process sees
    if (given != nullptr && !std::getline(visible, id, ',')) break;
    settings.push_back(name + "=" + id);
  }
  return settings;
}

[[noreturn]] void answer_with_boards(int file) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  try {
    for (const std::string& setting : usable_boards()) dprintf(file, "%s\n", setting.c_str());
  } catch (const std::exception&) {
    _exit(1);  // a board that cannot even be asked is none
  }
  _exit(0);
}

}  // namespace

std::vector<std::string> device_names() { return {"auto", "cpu", "cuda"}; }

std::string device_name_error(const std::string& device) {
  const std::vector<std::string> names = device_names();
  if (std::find(names.begin(), names.end(), device) != names.end()) return "";
  if (device.starts_with("cuda:") && device.size() > 5 && device.size() < 9 &&
      device.find_first_not_of("0123456789", 5) == std::string::npos) {
    return "";
  }
  // Who writes gpu or CUDA does not mean the CPU, however few letters differ.
  std::string word = device;
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  const bool gpu = word.starts_with("gpu") || word.starts_with("cuda") || word == "nvidia";
  return fmt::format("expected auto, cpu, cuda or cuda:N, found '{}'{}", device,
                     gpu ? "; did you mean 'cuda'?" : did_you_mean(device, names));
}

std::unique_ptr<Backend> make_backend(const DeviceRequest& request) {
  if (request.device == "cpu") return make_cpu(request);
  const int index = gpu_index(request.device);
  const std::string reason = cuda::unavailable_reason(index);
  if (reason.empty()) return cuda::make_backend(index, request);
  if (request.device != "auto") {
    fail(ExitCode::no_device, "device: {} was asked for, but {}; use device: cpu or auto",
         request.device, reason);
  }
  log::info("device: auto takes the CPU ({})", reason);
  return make_cpu(request);
}

// A child looks: asking whether a board is usable takes memory on it, or all of it where it is in
// exclusive use, for as long as the process lives.
std::vector<std::string> board_settings() {
  std::array<int, 2> ends{-1, -1};
  const pid_t child = pipe2(ends.data(), O_CLOEXEC) == 0 ? fork() : -1;
  if (child == 0) answer_with_boards(ends[1]);
  close(ends[1]);
  std::vector<std::string> settings;
  FILE* answers = fdopen(ends[0], "r");
  std::array<char, 512> line{};
  while (answers != nullptr && std::fgets(line.data(), line.size(), answers) != nullptr) {
    settings.emplace_back(line.data(), std::strcspn(line.data(), "\n"));
  }
  if (answers != nullptr) std::fclose(answers);
  int status = -1;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (status != 0) log::warning("the GPUs of this machine could not be counted");
  return settings;
}

Processors processors() {
  Processors result{.usable = cpu::usable_processors()};
  result.paid =
      static_cast<std::size_t>(cpu::paid_processors(static_cast<int>(result.usable.size())));
  return result;
}

int automatic_threads(int processors) { return cpu::automatic_team(processors).threads; }

std::string describe(const DeviceInfo& device) {
  std::string text = fmt::format("{}: {}", device.kind, device.name);
  if (device.threads > 0)
    text += fmt::format(", {} threads ({})", device.threads, device.threads_reason);
  text += ", " + device.precision;
  if (device.memory_bytes > 0) text += device.graphs ? ", graphs" : ", no graphs";
  return text;
}

std::vector<std::string> describe_devices() {
  const DeviceInfo cpu = cpu::CpuBackend(0).info();
  std::vector<std::string> lines = {fmt::format("cpu   {} ({} threads)", cpu.name, cpu.threads)};
  for (const std::string& line : cuda::describe_devices()) {
    lines.push_back(fmt::format("cuda  {}", line));
  }
  return lines;
}

std::vector<std::pair<std::string, std::string>> library_versions() {
  std::vector<std::pair<std::string, std::string>> versions = cpu::CpuBackend(0).info().libraries;
  for (auto& version : cuda::library_versions()) versions.push_back(std::move(version));
  return versions;
}

}  // namespace dropmuon
