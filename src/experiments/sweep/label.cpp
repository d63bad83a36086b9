// SPDX-License-Identifier: MIT
#include "label.h"

#include <algorithm>

#include <fmt/format.h>

#include <dropmuon/core/sha256.h>

namespace dropmuon {
namespace {

bool ends_with_names(const std::string& path, const std::string& end) {
  return path == end || path.ends_with("." + end);
}

}  // namespace

std::map<std::string, std::string> short_names(const std::vector<std::string>& paths) {
  std::map<std::string, std::string> names;
  for (const std::string& path : paths) {
    std::size_t begin = path.size();
    std::string& name = names[path];
    const auto shared = [&](const std::string& other) {
      return other != path && ends_with_names(other, name);
    };
    do {
      const std::size_t dot = begin == 0 ? std::string::npos : path.rfind('.', begin - 1);
      begin = dot == std::string::npos ? 0 : dot;
      name = path.substr(begin == 0 ? 0 : begin + 1);
    } while (begin > 0 && std::any_of(paths.begin(), paths.end(), shared));
  }
  return names;
}

std::string label_value(const std::string& value) {
  constexpr std::string_view kSafe =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  std::string out;
  for (const char letter : value) {
    if (letter == ',') {
      out += 'x';
    } else if (kSafe.find(letter) != std::string_view::npos) {
      out += letter;
    } else if (std::string_view("[] \"+").find(letter) == std::string_view::npos) {
      out += '_';
    }
  }
  return out.empty() ? "none" : out;
}

std::string label_of(const std::string& case_name, const SweepPoint& point,
                     const std::map<std::string, std::string>& names) {
  std::string label = case_name;
  for (const SweepSetting& setting : point) {
    const std::string value = label_value(canonical_value(setting.path, setting.value));
    label += fmt::format("{}{}={}", label.empty() ? "" : "-", names.at(setting.path), value);
  }
  return label;
}

std::string name_of_label(const std::string& label) {
  constexpr std::size_t kMaxName = 100;
  constexpr std::size_t kHash = 8;
  std::string name = label;
  std::replace(name.begin(), name.end(), '=', '_');
  if (name.size() <= kMaxName) return name;
  return name.substr(0, kMaxName - kHash - 1) + "-" + sha256(label).substr(0, kHash);
}

}  // namespace dropmuon
