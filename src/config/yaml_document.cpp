// SPDX-License-Identifier: MIT
#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <dropmuon/config/yaml_document.h>

namespace dropmuon {
namespace {

TextPosition position(const YAML::Mark& mark) {
  return mark.is_null() ? TextPosition{} : TextPosition{mark.line, mark.column};
}

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

// Builds the tree from the parser's events, so that an alias or a bomb is refused where it is
// written and never expanded.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::string_view text) : text_(text) {}
  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 1) return;
    const std::string_view rest = source_at(mark);
    if (rest.starts_with("---")) {
      throw TextError(position(mark), "a second document starts here; a config holds one");
    }
    throw TextError(position(mark),
                    fmt::format("not valid YAML: unexpected '{}'", one_line(first_line(rest))));
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    begin(mark, "", anchor);
    YamlNode node;
    node.at = null_position(position(mark));
    add(std::move(node));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    throw TextError(position(mark), "aliases (*name) are not supported; write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    begin(mark, tag, anchor);
    YamlNode node;
    node.kind = YamlKind::scalar;
    node.style = tag == "!" ? YamlStyle::quoted : YamlStyle::plain;
    node.at = position(mark);
    node.text = value;
    check_end_quote(mark);
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    begin(mark, tag, anchor);
    open(YamlKind::list, position(mark));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    begin(mark, tag, anchor);
    open(YamlKind::map, position(mark));
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    YamlNode node;
    std::map<std::string, int> lines;  // where each key of a map stands
  };

  void begin(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) {
      throw TextError(position(mark), "anchors (&name) are not supported; remove the anchor");
    }
    if (tag.size() > 1 || source_at(mark).starts_with('!')) {
      throw TextError(position(mark), "tags (!name) are not supported; remove the tag");
    }
    if (++nodes_ > kMaxYamlNodes) {
      throw TextError(position(mark), fmt::format("more than {} values", kMaxYamlNodes));
    }
  }

  std::string_view source_at(const YAML::Mark& mark) const {
    return text_.substr(std::min(static_cast<std::size_t>(std::max(mark.pos, 0)), text_.size()));
  }

  // The parser takes the end of the file for a missing end quote.
  void check_end_quote(const YAML::Mark& mark) const {
    const std::string_view source = source_at(mark);
    if (!source.starts_with('"') && !source.starts_with('\'')) return;
    const char quote = source.front();
    for (std::size_t i = 1; i < source.size(); ++i) {
      const bool is_doubled = quote == '\'' && source.substr(i).starts_with("''");
      if (is_doubled || (quote == '"' && source[i] == '\\')) {
        ++i;
      } else if (source[i] == quote) {
        return;
      }
    }
    throw TextError(position(mark), "not valid YAML: this text has no end quote");
  }

  bool expects_key() const {
    if (stack_.empty()) return false;
    const YamlNode& node = stack_.back().node;
    return node.kind == YamlKind::map && node.keys.size() == node.items.size();
  }

  // A value that is not there is reported at its key: the parser gives the next word's place.
  TextPosition null_position(TextPosition at) const {
    if (stack_.empty() || stack_.back().node.kind != YamlKind::map || expects_key()) return at;
    const TextPosition key = stack_.back().node.keys.back().at;
    return at.line == key.line ? at : key;
  }

  void open(YamlKind kind, TextPosition at) {
    if (expects_key())
      throw TextError(at, "expected a word as key, found a list or a map; is a bracket left open?");
    if (stack_.size() >= kMaxYamlDepth) {
      throw TextError(at, fmt::format("nested deeper than {} levels", kMaxYamlDepth));
    }
    stack_.emplace_back();
    stack_.back().node.kind = kind;
    stack_.back().node.at = at;
  }

  void close() {
    YamlNode node = std::move(stack_.back().node);
    stack_.pop_back();
    add(std::move(node));
  }

  void add(YamlNode node) {
    if (stack_.empty()) {
      root_ = std::move(node);
    } else if (expects_key()) {
      add_key(node);
    } else {
      stack_.back().node.items.push_back(std::move(node));
    }
  }

  void add_key(const YamlNode& node) {
    if (node.kind != YamlKind::scalar) throw TextError(node.at, "expected a key before ':'");
    if (node.text == "<<") {
      throw TextError(node.at, "merge keys (<<) are not supported; write the keys out");
    }
    const auto [first, is_new] = stack_.back().lines.emplace(node.text, node.at.line);
    if (!is_new) {
      throw TextError(node.at, fmt::format("duplicate key '{}'; it is already set on line {}",
                                           one_line(node.text), first->second + 1));
    }
    stack_.back().node.keys.push_back({node.text, node.at});
  }

  std::string_view text_;
  YamlNode root_;
  std::vector<Frame> stack_;
  int documents_ = 0;
  int nodes_ = 0;
};

}  // namespace

YamlNode parse_yaml(std::string_view text) {
  check_config_text(text);
  check_blanks(text);
  // Without a last line break the parser takes an unclosed list for a key.
  std::string lines(text);
  if (!lines.ends_with('\n')) lines += '\n';
  TreeBuilder builder(lines);
  try {
    std::istringstream stream(lines);
    YAML::Parser parser(stream);
    // The second call finds what follows the document; never a loop, because on some inputs the
    // parser reports empty documents without end.
    if (parser.HandleNextDocument(builder)) parser.HandleNextDocument(builder);
  } catch (const YAML::Exception& error) {
    throw TextError(position(error.mark), "not valid YAML: " + error.msg);
  }
  return builder.take();
}

const YamlNode* find_item(const YamlNode& map, std::string_view key) {
  for (std::size_t i = 0; i < map.keys.size(); ++i) {
    if (map.keys[i].name == key) return &map.items[i];
  }
  return nullptr;
}

std::string describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlKind::null:
      return "nothing";
    case YamlKind::list:
      return "a list";
    case YamlKind::map:
      return "a map";
    case YamlKind::scalar:
      break;
  }
  const std::string shown = one_line(node.text);
  return node.style == YamlStyle::quoted ? fmt::format("the quoted text \"{}\"", shown)
                                         : fmt::format("'{}'", shown);
}

}  // namespace dropmuon
