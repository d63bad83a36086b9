// SPDX-License-Identifier: MIT
// A process sees its groups in /proc/self/cgroup and where they are mounted in
// /proc/self/mountinfo. In a container the two need not agree, so the usual mount points are tried
// too, and a group's path is followed only as far as it exists: a quota may be set on any of the
// folders above it.
#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <string_view>
#include <vector>

#include <dropmuon/core/cpu_quota.h>

namespace dropmuon {
namespace {

enum class Version { one, two };

struct Mount {
  Version version;
  std::string group;   // the group that is mounted there
  std::string folder;  // where
};

// Whether `list`, separated by commas, has `word`.
bool has_word(const std::string& list, std::string_view word) {
  std::istringstream words(list);
  for (std::string each; std::getline(words, each, ',');) {
    if (each == word) return true;
  }
  return false;
}

// The kernel writes blanks and backslashes in the paths of mountinfo as "\040".
std::string unescaped(const std::string& text) {
  constexpr std::size_t kDigits = 3;
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string digits = text[i] == '\\' ? text.substr(i + 1, kDigits) : "";
    const bool is_octal =
        digits.size() == kDigits && digits.find_first_not_of("01234567") == std::string::npos;
    plain += is_octal ? static_cast<char>(std::stoi(digits, nullptr, 8)) : text[i];
    if (is_octal) i += kDigits;
  }
  return plain;
}

// A line: "36 35 98:0 /group /folder options [tags] - kind source options".
void add_mount(const std::string& line, std::vector<Mount>& mounts) {
  std::string word;
  std::array<std::string, 5> front;
  std::istringstream words(line);
  for (std::string& each : front) words >> each;
  while (words >> word && word != "-") continue;
  for (std::string& each : front) each = unescaped(each);
  std::string kind;
  std::string source;
  std::string options;
  words >> kind >> source >> options;
  if (kind == "cgroup2") mounts.push_back({Version::two, front[3], front[4]});
  if (kind == "cgroup" && has_word(options, "cpu")) {
    mounts.push_back({Version::one, front[3], front[4]});
  }
}

std::vector<Mount> mounts_in(const std::string& root) {
  std::vector<Mount> mounts = {{Version::two, "/", "/sys/fs/cgroup"},
                               {Version::one, "/", "/sys/fs/cgroup/cpu"},
                               {Version::one, "/", "/sys/fs/cgroup/cpu,cpuacct"}};
  std::ifstream file(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) add_mount(line, mounts);
  return mounts;
}

// Whether `path` leads upwards; a group's name may well have dots in it.
bool has_upward_step(const std::string& path) {
  std::istringstream steps(path);
  for (std::string step; std::getline(steps, step, '/');) {
    if (step == "..") return true;
  }
  return false;
}

// The path of this process's group; "/" if nothing is known of it, or it is outside of what this
// process may see ("/../..").
std::string group_in(const std::string& root, Version version) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {  // "4:cpu,cpuacct:/a/b", "0::/a/b"
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool is_it = version == Version::one ? has_word(controllers, "cpu")
                                               : line.starts_with("0:") && controllers.empty();
    const std::string path = line.substr(second + 1);
    if (is_it) return has_upward_step(path) ? "/" : path;
  }
  return "/";
}

std::optional<double> ratio(double quota, double period) {
  if (quota <= 0.0 || period <= 0.0) return std::nullopt;  // -1: unlimited
  return quota / period;
}

std::optional<double> quota_of(const std::string& folder, Version version) {
  double quota = 0.0;
  double period = 0.0;
  if (version == Version::two) {
    std::ifstream file(folder + "/cpu.max");  // "200000 100000" or "max 100000"
    return file >> quota >> period ? ratio(quota, period) : std::nullopt;
  }
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us");
  std::ifstream period_file(folder + "/cpu.cfs_period_us");
  return quota_file >> quota && period_file >> period ? ratio(quota, period) : std::nullopt;
}

// `group` as seen from the mount, without the part that is mounted: /a of /a/b, not of /ab.
std::string below(const Mount& mount, const std::string& group) {
  if (mount.group == "/") return group;
  const std::string rest =
      group.starts_with(mount.group) ? group.substr(mount.group.size()) : std::string();
  return rest.starts_with('/') ? rest : std::string();
}

}  // namespace

std::optional<double> cpu_quota(const std::string& root) {
  std::optional<double> smallest;
  for (const Mount& mount : mounts_in(root)) {
    std::string path = below(mount, group_in(root, mount.version));
    for (;;) {
      const auto quota = quota_of(root + mount.folder + path, mount.version);
      if (quota) smallest = std::min(smallest.value_or(*quota), *quota);
      if (path.empty()) break;
      path.erase(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
    }
  }
  return smallest;
}

}  // namespace dropmuon
