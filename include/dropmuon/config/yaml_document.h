// SPDX-License-Identifier: MIT
// A guarded reader over yaml-cpp: it builds a plain tree and refuses everything in YAML that can
// surprise (aliases, tags, merge keys, duplicate keys, several documents, bombs).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <dropmuon/config/text.h>

namespace dropmuon {

enum class YamlKind { null, scalar, list, map };
enum class YamlStyle { plain, quoted };

struct YamlKey {
  std::string name;
  TextPosition at;
};

// Scalars stay text: what they mean is decided by the key that reads them.
struct YamlNode {
  YamlKind kind = YamlKind::null;
  YamlStyle style = YamlStyle::plain;
  TextPosition at;
  std::string text;             // scalar
  std::vector<YamlKey> keys;    // map: keys[i] has the value items[i]
  std::vector<YamlNode> items;  // list, map
};

constexpr int kMaxYamlDepth = 64;
constexpr int kMaxYamlNodes = 100'000;

// The one document in `text`; nothing at all gives a null node. Throws TextError.
YamlNode parse_yaml(std::string_view text);

// The value of a key of a map, or null.
const YamlNode* find_item(const YamlNode& map, std::string_view key);

// "'0.1x'", "a list", "nothing": what a message says it found.
std::string describe(const YamlNode& node);

}  // namespace dropmuon
